/* torch_zip.c: torch.save since version 1.6: NAME/data.pkl and the storages NAME/data/KEY in a zip archive.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "checkpoint/torch.h"
#include "checkpoint/torch_dict.h"
#include "checkpoint/zip.h"

/* Of FOLDER/data.pkl the length of the folder with its slash, else 0. */
static size_t folder_of_pickle(const struct zip_member *m)
{
    static const char pickle[] = "/data.pkl";
    const char *slash = memchr(m->name, '/', m->length);

    if (!slash || m->length - (size_t)(slash - m->name) != sizeof pickle - 1 ||
        memcmp(slash, pickle, sizeof pickle - 1) != 0)
        return 0;
    return (size_t)(slash - m->name) + 1;
}

/* The archive's one folder: everything before "/data.pkl", with the slash. 0: there is none. */
static size_t find_folder(const struct zip *zip, const char **folder)
{
    size_t length = 0;

    for (size_t i = 0; !length && i < zip->count; i++) {
        *folder = zip->members[i].name;
        length = folder_of_pickle(&zip->members[i]);
    }
    return length;
}

/* FOLDER/name; prefix: does a member begin so? */
static const struct zip_member *find_member(const struct zip *zip, const char *folder, size_t length,
                                            const char *name, bool prefix)
{
    size_t size = strlen(name);

    for (size_t i = 0; i < zip->count; i++) {
        const struct zip_member *m = &zip->members[i];
        if (m->length >= length + size && (prefix || m->length == length + size) &&
            !memcmp(m->name, folder, length) && !memcmp(m->name + length, name, size))
            return m;
    }
    return NULL;
}

static clipseg_status refuse_archive(const struct zip *zip, const char *file, clipseg_error *error)
{
    bool numpy =
        zip->members[0].length > 4 && !memcmp(zip->members[0].name + zip->members[0].length - 4, ".npy", 4);

    return error_set(error, CLIPSEG_ERROR_MODEL,
                     "%s: is a zip archive%s, but no model that torch.save wrote: "
                     "no data.pkl in it",
                     file, numpy ? " of NumPy arrays" : "");
}

/* What torch notes about the archive, where it does. */
static clipseg_status check_notes(const struct zip *zip, const char *file, const char *folder, size_t length,
                                  clipseg_error *error)
{
    const struct zip_member *order = find_member(zip, folder, length, "byteorder", false);

    if (find_member(zip, folder, length, "code/", true) ||
        find_member(zip, folder, length, "constants.pkl", false))
        return error_set(
            error, CLIPSEG_ERROR_MODEL,
            "%s: is a TorchScript archive, a program with its weights; take the model's Hugging Face "
            "directory instead (OpenAI's ViT-B-16.pt is openai/clip-vit-base-patch16 there)",
            file);
    size_t pickles = 0;
    for (size_t i = 0; i < zip->count; i++)
        pickles += folder_of_pickle(&zip->members[i]) > 0;
    if (pickles > 1) /* names occur once, so they lie in different folders */
        return error_set(error, CLIPSEG_ERROR_MODEL,
                         "%s: holds more than one data.pkl: no file that torch.save wrote", file);
    for (size_t i = 0; i < zip->count; i++)
        if (zip->members[i].packed)
            return error_set(
                error, CLIPSEG_ERROR_MODEL,
                "%s: member %.*s is compressed or encrypted: no file that torch.save wrote; unpack it "
                "first",
                file, (int)zip->members[i].length, zip->members[i].name);
    if (order && (order->size != 6 || memcmp(order->data, "little", 6) != 0))
        return error_set(error, CLIPSEG_ERROR_MODEL,
                         "%s: byteorder is not \"little\": written on a big-endian machine; save it again on "
                         "another",
                         file);
    return CLIPSEG_OK;
}

/* FOLDER/data/KEY by KEY */
static bool list_records(const struct zip *zip, const char *folder, size_t length,
                         struct torch_records *records)
{
    records->list = memory_zeroed(zip->count, sizeof *records->list);
    for (size_t i = 0; records->list && i < zip->count; i++) {
        const struct zip_member *m = &zip->members[i];
        if (m->length > length + 5 && !memcmp(m->name, folder, length) &&
            !memcmp(m->name + length, "data/", 5))
            records->list[records->count++] =
                (struct torch_record){m->name + length + 5, m->length - length - 5, m->data, m->size, 0};
    }
    return records->list != NULL;
}

static clipseg_status read_pickle(struct checkpoint *checkpoint, const char *file, const unsigned char *data,
                                  const struct zip_member *member, const struct torch_records *records,
                                  clipseg_error *error)
{
    struct pickle pickle = {0};
    clipseg_status status;

    if (member->size > PICKLE_LARGEST)
        return error_set(
            error, CLIPSEG_ERROR_MODEL,
            "%s: data.pkl has %zu bytes, more than the %zu that are read: no state_dict of a model", file,
            member->size, PICKLE_LARGEST);
    if (crc32(0, member->data, (uInt)member->size) != member->crc)
        return error_set(error, CLIPSEG_ERROR_MODEL,
                         "%s: data.pkl does not match its checksum: damaged; get it again", file);
    status = pickle_read(&pickle, file, (size_t)(member->data - data), member->data, member->size, error);
    if (!status && pickle.size != member->size)
        status = error_set(error, CLIPSEG_ERROR_MODEL, "%s: data.pkl goes on behind its end", file);
    if (!status)
        status = torch_dict_read(checkpoint, file, &pickle, records, error);
    pickle_free(&pickle);
    return status;
}

clipseg_status torch_zip_read(struct checkpoint *checkpoint, const char *file, const unsigned char *data,
                              size_t size, clipseg_error *error)
{
    struct torch_records records = {0};
    struct zip zip;
    const char *folder = NULL;
    clipseg_status status = zip_open(&zip, file, data, size, error);

    if (status)
        return status;
    size_t length = find_folder(&zip, &folder);
    status = length ? check_notes(&zip, file, folder, length, error) : refuse_archive(&zip, file, error);
    if (!status && !list_records(&zip, folder, length, &records))
        status = error_memory(error);
    if (!status) {
        torch_records_sort(&records);
        status = read_pickle(checkpoint, file, data, find_member(&zip, folder, length, "data.pkl", false),
                             &records, error);
    }
    free(records.list);
    zip_close(&zip);
    return status;
}
