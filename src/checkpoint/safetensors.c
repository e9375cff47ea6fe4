/* safetensors.c: u64 length, a JSON header, then the tensors' bytes without holes. Strict: see each check. */
#include "checkpoint/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "checkpoint/list.h"

#define LARGEST_HEADER ((uint64_t)4 << 20)

struct extent {
    size_t begin, end;
    const char *name;
};

static clipseg_status find_header(const char *file, const unsigned char *data, size_t size, size_t *header,
                                  clipseg_error *error)
{
    uint64_t length = 0;

    if (size < 8)
        return error_set(error, CLIPSEG_ERROR_MODEL,
                         "%s: %zu bytes are no safetensors file (want at least 8); get it "
                         "again",
                         file, size);
    for (size_t i = 8; i-- > 0;)
        length = length << 8 | data[i];
    if (length > LARGEST_HEADER)
        return error_set(error, CLIPSEG_ERROR_MODEL,
                         "%s: header of %llu bytes, more than the %llu that are read: no "
                         "safetensors file, or a damaged one",
                         file, (unsigned long long)length, (unsigned long long)LARGEST_HEADER);
    if (length > size - 8)
        return error_set(error, CLIPSEG_ERROR_MODEL,
                         "%s: header of %llu bytes in a file of %zu: cut off; get it again", file,
                         (unsigned long long)length, size);
    if (length < 2 || data[8] != '{')
        return error_set(error, CLIPSEG_ERROR_MODEL,
                         "%s: byte 8: the header does not begin with '{': no safetensors "
                         "file",
                         file);
    *header = (size_t)length;
    return CLIPSEG_OK;
}

/* A member of `info` that must be a list of whole numbers >= 0. */
static clipseg_status read_sizes(const json_t *info, const char *key, size_t most, size_t *out, size_t *count,
                                 const char *file, const char *name, clipseg_error *error)
{
    const json_t *list = json_object_get(info, key);

    *count = json_array_size(list);
    if (!json_is_array(list) || *count > most)
        return error_set(error, CLIPSEG_ERROR_MODEL,
                         "%s: tensor \"%s\": %s: want a list of at most %zu numbers", file, name, key, most);
    for (size_t i = 0; i < *count; i++) {
        const json_t *number = json_array_get(list, i);
        if (!json_is_integer(number) || json_integer_value(number) < 0)
            return error_set(error, CLIPSEG_ERROR_MODEL,
                             "%s: tensor \"%s\": %s: want whole numbers that are not "
                             "negative",
                             file, name, key);
        out[i] = (size_t)json_integer_value(number);
    }
    return CLIPSEG_OK;
}

/* One entry of the header: type, shape and place, in agreement with each other and with the file. */
static clipseg_status read_tensor(struct tensor *tensor, const char *name, const json_t *info,
                                  const char *file, const unsigned char *data, size_t data_size,
                                  struct extent *extent, clipseg_error *error)
{
    const char *type = json_string_value(json_object_get(info, "dtype"));
    size_t offsets[2], count, bytes;
    clipseg_status status;

    *tensor = (struct tensor){.file = file, .count = 1};
    if (!json_is_object(info) || json_object_size(info) != 3 || !type)
        return error_set(error, CLIPSEG_ERROR_MODEL,
                         "%s: tensor \"%s\": want exactly dtype, shape and data_offsets", file, name);
    if (!tensor_type_find(type, &tensor->type))
        return error_set(error, CLIPSEG_ERROR_MODEL, "%s: tensor \"%s\": unknown dtype \"%.20s\"", file, name,
                         type);
    if ((status = read_sizes(info, "shape", TENSOR_MAX_RANK, tensor->shape, &tensor->rank, file, name,
                             error)) != 0 ||
        (status = read_sizes(info, "data_offsets", 2, offsets, &count, file, name, error)) != 0)
        return status;
    if (!tensor_measure(tensor, &bytes))
        return error_set(error, CLIPSEG_ERROR_MODEL, "%s: tensor \"%s\": its shape is too large", file, name);
    if (count != 2 || offsets[0] > offsets[1] || offsets[1] > data_size)
        return error_set(error, CLIPSEG_ERROR_MODEL,
                         "%s: tensor \"%s\": data_offsets outside the file's %zu bytes of "
                         "data; the file may be cut off: get it again",
                         file, name, data_size);
    if (bytes != offsets[1] - offsets[0])
        return error_set(error, CLIPSEG_ERROR_MODEL,
                         "%s: tensor \"%s\": shape and dtype need %zu bytes, data_offsets "
                         "give %zu",
                         file, name, bytes, offsets[1] - offsets[0]);
    tensor->data = data + offsets[0];
    *extent = (struct extent){offsets[0], offsets[1], name};
    return CLIPSEG_OK;
}

static int compare_extents(const void *a, const void *b)
{
    const struct extent *x = a, *y = b;

    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

/* The tensors cover all of the data, one after the other. */
static clipseg_status check_extents(struct extent *extents, size_t count, size_t data_size, const char *file,
                                    clipseg_error *error)
{
    size_t reached = 0;

    qsort(extents, count, sizeof *extents, compare_extents);
    for (size_t i = 0; i < count; reached = extents[i++].end)
        if (extents[i].begin != reached)
            return error_set(error, CLIPSEG_ERROR_MODEL,
                             "%s: tensor \"%s\": begins at byte %zu of the data, the one "
                             "before ends at %zu: %s",
                             file, extents[i].name, extents[i].begin, reached,
                             extents[i].begin < reached ? "overlap" : "hole");
    if (reached != data_size)
        return error_set(error, CLIPSEG_ERROR_MODEL, "%s: the tensors end at byte %zu of %zu bytes of data",
                         file, reached, data_size);
    return CLIPSEG_OK;
}

static clipseg_status check_metadata(const json_t *metadata, const char *file, clipseg_error *error)
{
    const char *key;
    const json_t *value;

    if (!json_is_object(metadata))
        return error_set(error, CLIPSEG_ERROR_MODEL, "%s: __metadata__: want an object", file);
    json_object_foreach((json_t *)(uintptr_t)metadata, key, value)
    {
        if (!json_is_string(value))
            return error_set(error, CLIPSEG_ERROR_MODEL, "%s: __metadata__: \"%.60s\": want a string", file,
                             key);
    }
    return CLIPSEG_OK;
}

static clipseg_status read_entries(struct checkpoint *checkpoint, json_t *root, const char *file,
                                   const unsigned char *data, size_t data_size, struct extent *extents,
                                   size_t *count, clipseg_error *error)
{
    const char *key;
    json_t *info;

    json_object_foreach(root, key, info)
    {
        struct tensor tensor;
        clipseg_status status;

        if (!strcmp(key, "__metadata__")) {
            if ((status = check_metadata(info, file, error)) != CLIPSEG_OK)
                return status;
            continue;
        }
        if (!*key)
            return error_set(error, CLIPSEG_ERROR_MODEL, "%s: a tensor has an empty name", file);
        status = read_tensor(&tensor, key, info, file, data, data_size, &extents[(*count)++], error);
        if (status)
            return status;
        tensor.name = checkpoint_keep_string(checkpoint, key, strlen(key));
        if (!tensor.name || !checkpoint_add_tensor(checkpoint, &tensor))
            return error_memory(error);
    }
    return CLIPSEG_OK;
}

clipseg_status safetensors_read(struct checkpoint *checkpoint, const char *file, const unsigned char *data,
                                size_t size, clipseg_error *error)
{
    struct extent *extents = NULL;
    json_t *root = NULL;
    size_t header = 0, count = 0;
    clipseg_status status;

    if ((status = find_header(file, data, size, &header, error)) != CLIPSEG_OK ||
        (status = json_parse_limited(&root, data + 8, header, JSON_LARGEST_CONFIG, file, CLIPSEG_ERROR_MODEL,
                                     error)) != CLIPSEG_OK)
        return status;
    extents = memory_zeroed(json_object_size(root), sizeof *extents);
    if (!extents)
        status = error_memory(error);
    else
        status = read_entries(checkpoint, root, file, data + 8 + header, size - 8 - header, extents, &count,
                              error);
    if (!status)
        status = check_extents(extents, count, size - 8 - header, file, error);
    free(extents);
    json_decref(root);
    return status;
}
