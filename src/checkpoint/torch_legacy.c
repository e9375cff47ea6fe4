/* torch_legacy.c: torch.save before version 1.6: pickles of a magic number, a version, the system, the
 * state_dict and the list of storage keys; then, for every key in that order, its count and its elements. */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "checkpoint/torch.h"
#include "checkpoint/torch_dict.h"

/* The pickle of 0x1950a86a20f9469cfc6c. */
static const unsigned char magic[] = {0x80, 2,    0x8a, 10,   0x6c, 0xfc, 0x9c, 0x46,
                                      0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};

#define PROTOCOL 1001

bool torch_is_legacy(const unsigned char *data, size_t size)
{
    return size >= sizeof magic && !memcmp(data, magic, sizeof magic);
}

struct reading {
    const char *file;
    const unsigned char *data;
    size_t size, at;
    clipseg_error *error;
};

static clipseg_status next_pickle(struct reading *r, struct pickle *pickle)
{
    clipseg_status status = pickle_read(pickle, r->file, r->at, r->data + r->at, r->size - r->at, r->error);

    r->at += pickle->size;
    return status;
}

static clipseg_status refuse(const struct reading *r, const char *what)
{
    return error_set(r->error, CLIPSEG_ERROR_MODEL, "%s: byte %zu: %s", r->file, r->at, what);
}

/* Protocol version and the machine that wrote the file. */
static clipseg_status read_preamble(struct reading *r)
{
    struct pickle version = {0}, system = {0};
    clipseg_status status = next_pickle(r, &version);

    if (!status) {
        const struct pickle_value *root = &version.values[version.root];
        if (root->kind != PICKLE_INTEGER || root->number != PROTOCOL)
            status = refuse(r, "unknown version of torch's older format");
    }
    if (!status)
        status = next_pickle(r, &system);
    if (!status) {
        const struct pickle_value *root = &system.values[system.root];
        const struct pickle_value *little =
            root->kind == PICKLE_DICT ? pickle_member(&system, root, "little_endian") : NULL;
        if (!little || little->kind != PICKLE_BOOL)
            status = refuse(r, "want a dict with \"little_endian\"");
        else if (!little->number)
            status = refuse(r, "written on a big-endian machine; save it again on another");
    }
    pickle_free(&version);
    pickle_free(&system);
    return status;
}

/* Every storage that the state_dict names, with the bytes that it must have. */
static clipseg_status list_storages(const struct reading *r, const struct pickle *dict,
                                    struct torch_records *records)
{
    records->list = memory_zeroed(dict->value_count, sizeof *records->list);
    if (!records->list)
        return error_memory(r->error);
    for (size_t i = 0; i < dict->value_count; i++) {
        struct torch_storage storage;
        clipseg_status status;
        size_t bytes;

        if (dict->values[i].kind != PICKLE_STORAGE)
            continue;
        status = torch_storage_read(&storage, r->file, dict, &dict->values[i], r->error);
        if (status)
            return status;
        if (!size_multiply(storage.count, tensor_type_size(storage.type), &bytes))
            return refuse(r, "a storage that is too large");
        records->list[records->count++] =
            (struct torch_record){storage.key, storage.length, NULL, bytes, storage.count};
    }
    torch_records_sort(records);
    return CLIPSEG_OK;
}

/* One storage per key; those that the state_dict names several times must be the same in size. */
static clipseg_status join_storages(const struct reading *r, struct torch_records *records)
{
    size_t kept = 0;

    for (size_t i = 0; i < records->count; i++) {
        const struct torch_record *record = &records->list[i];
        struct torch_record *before = kept ? &records->list[kept - 1] : NULL;
        if (!before || before->length != record->length ||
            memcmp(before->key, record->key, record->length) != 0)
            records->list[kept++] = *record;
        else if (before->size != record->size || before->count != record->count)
            return refuse(r, "a storage with two sizes");
    }
    records->count = kept;
    return CLIPSEG_OK;
}

static uint64_t read_count(const unsigned char *data)
{
    uint64_t count = 0;

    for (size_t i = 8; i-- > 0;)
        count = count << 8 | data[i];
    return count;
}

/* The number of elements stands before them and must agree with what the state_dict says. */
static clipseg_status place_storage(struct reading *r, struct torch_record *record)
{
    if (r->size - r->at < 8 || record->size > r->size - r->at - 8)
        return refuse(r, "a storage is cut off; get the file again");
    if (record->data || read_count(r->data + r->at) != record->count)
        return refuse(r, "a storage's size is not the one that the state_dict names");
    record->data = r->data + r->at + 8;
    r->at += 8 + record->size;
    return CLIPSEG_OK;
}

static clipseg_status place_storages(struct reading *r, struct torch_records *records)
{
    struct pickle keys = {0};
    clipseg_status status = next_pickle(r, &keys);

    if (status)
        return status;
    const struct pickle_value *list = &keys.values[keys.root];
    if (list->kind != PICKLE_LIST || list->count != records->count)
        status = refuse(r, "want a list with the keys of all storages");
    for (size_t i = 0; !status && i < list->count; i++) {
        const struct pickle_value *key = pickle_item(&keys, list, i);
        const struct torch_record *record =
            key->kind == PICKLE_TEXT ? torch_record_find(records, key->text, key->length) : NULL;
        status = record ? place_storage(r, &records->list[record - records->list])
                        : refuse(r, "a storage's key that the state_dict does not name");
    }
    if (!status && r->at != r->size)
        status = refuse(r, "the file goes on behind its last storage");
    pickle_free(&keys);
    return status;
}

clipseg_status torch_legacy_read(struct checkpoint *checkpoint, const char *file, const unsigned char *data,
                                 size_t size, clipseg_error *error)
{
    struct reading r = {file, data, size, sizeof magic, error};
    struct torch_records records = {0};
    struct pickle dict = {0};
    clipseg_status status = read_preamble(&r);

    if (!status)
        status = next_pickle(&r, &dict);
    if (!status)
        status = list_storages(&r, &dict, &records);
    if (!status)
        status = join_storages(&r, &records);
    if (!status)
        status = place_storages(&r, &records);
    if (!status)
        status = torch_dict_read(checkpoint, file, &dict, &records, error);
    free(records.list);
    pickle_free(&dict);
    return status;
}
