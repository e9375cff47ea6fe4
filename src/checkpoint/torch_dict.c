/* torch_dict.c: checks every tensor of a state_dict against the storage that it is a view of. */
#include "checkpoint/torch_dict.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "checkpoint/list.h"

/* ---- storages */

static int compare_keys(const void *a, const void *b)
{
    const struct torch_record *x = a, *y = b;
    int order = memcmp(x->key, y->key, size_min(x->length, y->length));

    return order ? order : x->length < y->length ? -1 : x->length > y->length;
}

void torch_records_sort(struct torch_records *records)
{
    if (records->count)
        qsort(records->list, records->count, sizeof *records->list, compare_keys);
}

const struct torch_record *torch_record_find(const struct torch_records *records, const char *key,
                                             size_t length)
{
    struct torch_record wanted = {.key = key, .length = length};

    if (!records->count)
        return NULL;
    return bsearch(&wanted, records->list, records->count, sizeof wanted, compare_keys);
}

static bool find_type(const struct pickle_value *global, enum tensor_type *type)
{
    static const struct {
        const char *name;
        enum tensor_type type;
    } types[] = {{"FloatStorage", TENSOR_F32},  {"HalfStorage", TENSOR_F16}, {"BFloat16Storage", TENSOR_BF16},
                 {"DoubleStorage", TENSOR_F64}, {"LongStorage", TENSOR_I64}, {"IntStorage", TENSOR_I32},
                 {"ShortStorage", TENSOR_I16},  {"CharStorage", TENSOR_I8},  {"ByteStorage", TENSOR_U8},
                 {"BoolStorage", TENSOR_BOOL}};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (pickle_is_global(global, "torch", types[i].name)) {
            *type = types[i].type;
            return true;
        }
    return false;
}

clipseg_status torch_storage_read(struct torch_storage *storage, const char *file,
                                  const struct pickle *pickle, const struct pickle_value *value,
                                  clipseg_error *error)
{
    const struct pickle_value *type = pickle_item(pickle, value, 1), *key = pickle_item(pickle, value, 2);
    const struct pickle_value *count = pickle_item(pickle, value, 4), *view = pickle_item(pickle, value, 5);

    if (!pickle_is_text(pickle_item(pickle, value, 0), "storage") || type->kind != PICKLE_GLOBAL ||
        key->kind != PICKLE_TEXT || count->kind != PICKLE_INTEGER || count->number < 0 ||
        (view && view->kind != PICKLE_NONE))
        return error_set(
            error, CLIPSEG_ERROR_MODEL,
            "%s: byte %zu: no storage as torch.save writes it (\"storage\", type, key, device, count)", file,
            value->at);
    if (!find_type(type, &storage->type))
        return error_set(error, CLIPSEG_ERROR_MODEL,
                         "%s: byte %zu: storage of type %.*s.%.*s: want numbers as a "
                         "model has them (FloatStorage, HalfStorage, BFloat16Storage, ...)",
                         file, value->at, (int)type->length, type->text, (int)size_min(type->name_length, 60),
                         type->name);
    storage->key = key->text;
    storage->length = key->length;
    storage->count = (size_t)count->number;
    return CLIPSEG_OK;
}

/* ---- tensors */

/* Where a tensor comes from, for messages. */
struct place {
    const char *file, *name;
    const struct pickle *pickle;
    clipseg_error *error;
};

static clipseg_status refuse(const struct place *place, const char *what)
{
    return error_set(place->error, CLIPSEG_ERROR_MODEL, "%s: tensor \"%s\": %s", place->file, place->name,
                     what);
}

/* A tuple of whole numbers that are not negative. */
static bool read_sizes(const struct pickle *pickle, const struct pickle_value *tuple, size_t *out)
{
    if (tuple->kind != PICKLE_TUPLE || tuple->count > TENSOR_MAX_RANK)
        return false;
    for (size_t i = 0; i < tuple->count; i++) {
        const struct pickle_value *number = pickle_item(pickle, tuple, i);
        if (number->kind != PICKLE_INTEGER || number->number < 0)
            return false;
        out[i] = (size_t)number->number;
    }
    return true;
}

/* Are the strides those of a row-major tensor? A dimension of one element may have any. */
static bool is_row_major(const struct tensor *tensor)
{
    size_t expected = 1;

    for (size_t i = tensor->rank; i-- > 0; expected *= tensor->shape[i])
        if (tensor->shape[i] != 1 && tensor->stride[i] != expected)
            return false;
    return true;
}

/* The last element that the view touches lies in the storage, and the view is not larger than it. */
static bool inside(const struct tensor *tensor, size_t offset, size_t available)
{
    size_t last = offset, step;

    if (!tensor->count)
        return offset <= available;
    for (size_t i = 0; i < tensor->rank; i++)
        if (!size_multiply(tensor->shape[i] - 1, tensor->stride[i], &step) || !size_add(last, step, &last))
            return false;
    return last < available && tensor->count <= available;
}

/* _rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks) */
static clipseg_status read_view(struct tensor *tensor, const struct place *place,
                                const struct pickle_value *value, const struct torch_record *record,
                                size_t available)
{
    const struct pickle_value *offset = pickle_item(place->pickle, value, 1);
    const struct pickle_value *shape = pickle_item(place->pickle, value, 2);
    const struct pickle_value *strides = pickle_item(place->pickle, value, 3);
    size_t bytes;

    if (offset->kind != PICKLE_INTEGER || offset->number < 0)
        return refuse(place, "its offset is no whole number that is not negative");
    if (!read_sizes(place->pickle, shape, tensor->shape) ||
        !read_sizes(place->pickle, strides, tensor->stride) || shape->count != strides->count)
        return refuse(place,
                      "its shape and strides are not two tuples of up to 8 whole numbers, none negative");
    tensor->rank = shape->count;
    if (!tensor_measure(tensor, &bytes) || !inside(tensor, (size_t)offset->number, available))
        return refuse(place, "its shape, strides and offset reach outside its storage");
    tensor->strided = tensor->count && !is_row_major(tensor);
    tensor->data = record->data + (size_t)offset->number * tensor_type_size(tensor->type);
    return CLIPSEG_OK;
}

static clipseg_status read_tensor(struct tensor *tensor, const struct place *place,
                                  const struct pickle_value *value, const struct torch_records *records)
{
    struct torch_storage storage;
    clipseg_status status = torch_storage_read(&storage, place->file, place->pickle,
                                               pickle_item(place->pickle, value, 0), place->error);
    size_t bytes;

    if (status)
        return status;
    const struct torch_record *record = torch_record_find(records, storage.key, storage.length);
    if (!record)
        return error_set(place->error, CLIPSEG_ERROR_MODEL,
                         "%s: tensor \"%s\": its storage \"%.*s\" is missing", place->file, place->name,
                         (int)size_min(storage.length, 60), storage.key);
    if (!size_multiply(storage.count, tensor_type_size(storage.type), &bytes) || bytes != record->size)
        return error_set(place->error, CLIPSEG_ERROR_MODEL,
                         "%s: tensor \"%s\": its storage holds %zu bytes, not %zu %s", place->file,
                         place->name, record->size, storage.count, tensor_type_name(storage.type));
    *tensor = (struct tensor){.name = place->name, .type = storage.type, .file = place->file};
    return read_view(tensor, place, value, record, storage.count);
}

/* The dict of tensors: the root, or what a training script keeps under "state_dict". */
static const struct pickle_value *find_dict(const struct pickle *pickle)
{
    const struct pickle_value *root = &pickle->values[pickle->root];
    const struct pickle_value *inner =
        root->kind == PICKLE_DICT ? pickle_member(pickle, root, "state_dict") : NULL;

    return inner && inner->kind == PICKLE_DICT ? inner : root;
}

clipseg_status torch_dict_read(struct checkpoint *checkpoint, const char *file, const struct pickle *pickle,
                               const struct torch_records *records, clipseg_error *error)
{
    const struct pickle_value *dict = find_dict(pickle);
    size_t found = 0;

    if (dict->kind != PICKLE_DICT)
        return error_set(error, CLIPSEG_ERROR_MODEL,
                         "%s: holds %s, want the tensors of a model by name (its state_dict)", file,
                         pickle_kind_name(dict->kind));
    for (size_t i = 0; i + 1 < dict->count; i += 2) {
        const struct pickle_value *key = pickle_item(pickle, dict, i),
                                  *value = pickle_item(pickle, dict, i + 1);
        struct place place = {file, "", pickle, error};
        struct tensor tensor;
        clipseg_status status;

        if (value->kind != PICKLE_TENSOR)
            continue;
        if (key->kind != PICKLE_TEXT || !key->length || memchr(key->text, 0, key->length))
            return error_set(error, CLIPSEG_ERROR_MODEL, "%s: byte %zu: a tensor without a name", file,
                             value->at);
        place.name = checkpoint_keep_string(checkpoint, key->text, key->length);
        if (!place.name)
            return error_memory(error);
        if ((status = read_tensor(&tensor, &place, value, records)) != CLIPSEG_OK)
            return status;
        if (!checkpoint_add_tensor(checkpoint, &tensor))
            return error_memory(error);
        found++;
    }
    if (!found)
        return error_set(error, CLIPSEG_ERROR_MODEL, "%s: holds no tensors: no state_dict of a model", file);
    return CLIPSEG_OK;
}
