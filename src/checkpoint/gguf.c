/* gguf.c: reads the header of a GGUF file. Every number in it is an enemy's until it has been compared. */
#include "checkpoint/gguf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "checkpoint/gguf_types.h"
#include "checkpoint/list.h"

#define LARGEST_HEADER ((size_t)4 << 20)
#define LONGEST_NAME 255
#define MOST_TENSORS 65536
#define MOST_DIMENSIONS 4
#define LARGEST_ALIGNMENT 65536
#define PREFIX "clipseg."

struct span {
    const char *data;
    size_t size;
};

/* Where reading stands. */
struct reading {
    struct checkpoint *checkpoint;
    const char *file;
    const unsigned char *data;
    size_t size, at;
    size_t alignment;
    bool known;        /* general.architecture has been seen and is ours */
    struct span *keys; /* [key_count] */
    clipseg_error *error;
};

__attribute__((format(printf, 2, 3))) static clipseg_status refuse(const struct reading *r,
                                                                   const char *format, ...)
{
    char text[400];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return error_set(r->error, CLIPSEG_ERROR_MODEL, "%s: byte %zu: %s", r->file, r->at, text);
}

/* ---- numbers and texts */

static clipseg_status take(struct reading *r, size_t count, const unsigned char **bytes)
{
    if (count > size_min(r->size, LARGEST_HEADER) - r->at)
        return r->size > LARGEST_HEADER
                   ? refuse(
                         r,
                         "the header goes beyond the 4 MiB that are read: no packed model, or a damaged one")
                   : refuse(r, "the header is cut off; get the file again");
    *bytes = r->data + r->at;
    r->at += count;
    return CLIPSEG_OK;
}

static clipseg_status take_number(struct reading *r, size_t count, uint64_t *number)
{
    const unsigned char *bytes = NULL;
    clipseg_status status = take(r, count, &bytes);

    *number = 0;
    for (size_t i = count; !status && i-- > 0;)
        *number = *number << 8 | bytes[i];
    return status;
}

static clipseg_status take_text(struct reading *r, struct span *text)
{
    const unsigned char *bytes = NULL;
    uint64_t length;
    clipseg_status status = take_number(r, 8, &length);

    if (!status)
        status = take(r, length, &bytes);
    *text = (struct span){(const char *)bytes, status ? 0 : (size_t)length};
    return status;
}

static bool same(struct span text, const char *other)
{
    return text.size == strlen(other) && !memcmp(text.data, other, text.size);
}

static int shown(struct span text)
{
    return (int)size_min(text.size, 60);
}

/* ---- keys */

static size_t value_size(uint64_t type)
{
    static const unsigned char sizes[GGUF_TYPE_COUNT] = {
        [GGUF_U8] = 1,  [GGUF_I8] = 1,   [GGUF_U16] = 2, [GGUF_I16] = 2, [GGUF_U32] = 4, [GGUF_I32] = 4,
        [GGUF_F32] = 4, [GGUF_BOOL] = 1, [GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8};

    return type < GGUF_TYPE_COUNT ? sizes[type] : 0;
}

/* A key's value as it lies: `type` of the value, or of the array's elements; `bytes` of all of them. */
struct value {
    bool array;
    uint64_t type;
    struct span bytes; /* a string's text; nothing for arrays of strings */
};

static clipseg_status take_array(struct reading *r, struct value *value)
{
    uint64_t count;
    size_t size, bytes;
    const unsigned char *data = NULL;
    clipseg_status status = take_number(r, 4, &value->type);

    if (!status)
        status = take_number(r, 8, &count);
    if (status)
        return status;
    value->array = true;
    if (value->type == GGUF_STRING) {
        for (struct span text; !status && count; count--)
            status = take_text(r, &text);
        return status;
    }
    if (!(size = value_size(value->type)))
        return refuse(r, "an array of type %llu, which GGUF does not have", (unsigned long long)value->type);
    if (!size_multiply(count, size, &bytes))
        bytes = SIZE_MAX;
    status = take(r, bytes, &data);
    value->bytes = (struct span){(const char *)data, bytes};
    return status;
}

static clipseg_status take_value(struct reading *r, struct value *value)
{
    const unsigned char *data = NULL;
    clipseg_status status = take_number(r, 4, &value->type);

    value->array = false;
    value->bytes = (struct span){0};
    if (status)
        return status;
    if (value->type == GGUF_ARRAY)
        return take_array(r, value);
    if (value->type == GGUF_STRING)
        return take_text(r, &value->bytes);
    size_t size = value_size(value->type);
    if (!size)
        return refuse(r, "a value of type %llu, which GGUF does not have", (unsigned long long)value->type);
    status = take(r, size, &data);
    value->bytes = (struct span){(const char *)data, size};
    return status;
}

static clipseg_status read_number(const struct reading *r, struct span key, const struct value *value,
                                  uint32_t *number)
{
    if (value->array || value->type != GGUF_U32)
        return refuse(r, "%.*s: want a number of type u32", shown(key), key.data);
    *number = 0;
    for (size_t i = 4; i-- > 0;)
        *number = *number << 8 | (unsigned char)value->bytes.data[i];
    return CLIPSEG_OK;
}

static clipseg_status check_architecture(struct reading *r, const struct value *value)
{
    if (value->array || value->type != GGUF_STRING)
        return refuse(r, "general.architecture: want a text");
    if (!same(value->bytes, "clipseg"))
        return refuse(r,
                      "general.architecture is \"%.*s\": a GGUF file of another kind of model; want one that "
                      "`clipseg convert` wrote",
                      shown(value->bytes), value->bytes.data);
    r->known = true;
    return CLIPSEG_OK;
}

static clipseg_status check_layout(struct reading *r, struct span key, const struct value *value)
{
    uint32_t layout = 0;
    clipseg_status status = read_number(r, key, value, &layout);

    if (!status && layout != GGUF_LAYOUT)
        status = refuse(r, "clipseg.layout is %lu, this version reads %d: convert the model again",
                        (unsigned long)layout, GGUF_LAYOUT);
    r->checkpoint->layout = status ? 0 : layout;
    return status;
}

static clipseg_status check_alignment(struct reading *r, struct span key, const struct value *value)
{
    uint32_t alignment = 0;
    clipseg_status status = read_number(r, key, value, &alignment);

    if (!status && (alignment < 8 || alignment > LARGEST_ALIGNMENT || alignment & (alignment - 1)))
        status = refuse(r, "general.alignment is %lu: want a power of two from 8 to %d",
                        (unsigned long)alignment, LARGEST_ALIGNMENT);
    r->alignment = alignment;
    return status;
}

/* The parts of a model that are no tensors, and the type of each. */
static const struct {
    const char *name;
    bool array; /* of i32; else a text */
} parts[] = {{"config.json", false},
             {"preprocessor_config.json", false},
             {"tokenizer.special", true},
             {"tokenizer.bytes", true},
             {"tokenizer.merges", true}};

static clipseg_status read_part(struct reading *r, struct span key, const struct value *value)
{
    struct span name = {key.data + strlen(PREFIX), key.size - strlen(PREFIX)};

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!same(name, parts[i].name))
            continue;
        if (value->array != parts[i].array || value->type != (parts[i].array ? GGUF_I32 : GGUF_STRING))
            return refuse(r, "%.*s: want %s", shown(key), key.data,
                          parts[i].array ? "a list of numbers of type i32" : "a text");
        return checkpoint_add_text(r->checkpoint, parts[i].name, value->bytes.data, value->bytes.size)
                   ? CLIPSEG_OK
                   : error_memory(r->error);
    }
    return CLIPSEG_OK;
}

static clipseg_status read_key(struct reading *r, struct span *key)
{
    struct value value;
    clipseg_status status = take_text(r, key);

    if (!status && (!key->size || key->size > 65535 || memchr(key->data, 0, key->size)))
        status = refuse(r, "a key that no GGUF file has");
    if (!status)
        status = take_value(r, &value);
    if (status)
        return status;
    if (same(*key, "general.architecture"))
        return check_architecture(r, &value);
    if (same(*key, "general.alignment"))
        return check_alignment(r, *key, &value);
    if (same(*key, PREFIX "layout"))
        return check_layout(r, *key, &value);
    if (key->size > strlen(PREFIX) && !memcmp(key->data, PREFIX, strlen(PREFIX)))
        return read_part(r, *key, &value);
    return CLIPSEG_OK;
}

static int compare_spans(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    int order = memcmp(x->data, y->data, size_min(x->size, y->size));

    return order ? order : x->size < y->size ? -1 : x->size > y->size;
}

static clipseg_status read_keys(struct reading *r, uint64_t count)
{
    if (count > LARGEST_HEADER / 13) /* length, one byte, type */
        return refuse(r, "%llu keys are more than a header holds", (unsigned long long)count);
    r->keys = memory_zeroed(count, sizeof *r->keys);
    if (!r->keys)
        return error_memory(r->error);
    for (size_t i = 0; i < count; i++) {
        clipseg_status status = read_key(r, &r->keys[i]);
        if (status)
            return status;
    }
    if (count)
        qsort(r->keys, count, sizeof *r->keys, compare_spans);
    for (size_t i = 1; i < count; i++)
        if (!compare_spans(&r->keys[i - 1], &r->keys[i]))
            return refuse(r, "key \"%.*s\" occurs twice", shown(r->keys[i]), r->keys[i].data);
    if (!r->known || !r->checkpoint->layout)
        return refuse(
            r, "no general.architecture or no clipseg.layout: want a file that `clipseg convert` wrote");
    return CLIPSEG_OK;
}

/* ---- tensors */

static bool find_type(uint64_t number, enum tensor_type *type)
{
    static const struct {
        enum gguf_tensor_type number;
        enum tensor_type type;
    } types[] = {{GGUF_TENSOR_F32, TENSOR_F32},   {GGUF_TENSOR_F16, TENSOR_F16},
                 {GGUF_TENSOR_BF16, TENSOR_BF16}, {GGUF_TENSOR_F64, TENSOR_F64},
                 {GGUF_TENSOR_I8, TENSOR_I8},     {GGUF_TENSOR_I16, TENSOR_I16},
                 {GGUF_TENSOR_I32, TENSOR_I32},   {GGUF_TENSOR_I64, TENSOR_I64}};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if ((uint64_t)types[i].number == number) {
            *type = types[i].type;
            return true;
        }
    return false;
}

/* Sizes, fastest first, into the row-major order of everything else. */
static clipseg_status take_shape(struct reading *r, struct tensor *tensor)
{
    uint64_t rank, size;
    clipseg_status status = take_number(r, 4, &rank);

    if (!status && (!rank || rank > MOST_DIMENSIONS))
        status = refuse(r, "tensor \"%s\": %llu dimensions, want 1 to %d", tensor->name,
                        (unsigned long long)rank, MOST_DIMENSIONS);
    if (status)
        return status;
    tensor->rank = rank;
    for (size_t i = rank; i-- > 0;) {
        if ((status = take_number(r, 8, &size)) != CLIPSEG_OK)
            return status;
        if (!size || size > INT64_MAX)
            return refuse(r, "tensor \"%s\": a dimension of %lld", tensor->name, (long long)size);
        tensor->shape[i] = size;
    }
    return CLIPSEG_OK;
}

/* Where a tensor lies in the data, to be compared when all are known. */
struct extent {
    size_t begin, size;
    const char *name;
};

static clipseg_status refuse_end(const struct reading *r, const char *name)
{
    return refuse(r, "tensor \"%s\": reaches beyond the end of the file: cut off; get it again", name);
}

static clipseg_status read_tensor(struct reading *r, struct extent *extent)
{
    struct tensor tensor = {.file = r->file};
    struct span name;
    uint64_t type, offset;
    clipseg_status status = take_text(r, &name);

    if (!status && (!name.size || name.size > LONGEST_NAME || memchr(name.data, 0, name.size)))
        status = refuse(r, "a tensor's name that no GGUF file has");
    if (status)
        return status;
    if (!(tensor.name = checkpoint_keep_string(r->checkpoint, name.data, name.size)))
        return error_memory(r->error);
    if ((status = take_shape(r, &tensor)) != CLIPSEG_OK ||
        (status = take_number(r, 4, &type)) != CLIPSEG_OK ||
        (status = take_number(r, 8, &offset)) != CLIPSEG_OK)
        return status;
    if (!find_type(type, &tensor.type))
        return refuse(r, "tensor \"%s\": type %llu is not known", tensor.name, (unsigned long long)type);
    if (!tensor_measure(&tensor, &extent->size))
        return refuse(r, "tensor \"%s\": its shape is too large", tensor.name);
    if (offset % r->alignment)
        return refuse(r, "tensor \"%s\": begins at byte %llu of the data: want a multiple of %zu",
                      tensor.name, (unsigned long long)offset, r->alignment);
    if (offset > r->size)
        return refuse_end(r, tensor.name);
    extent->begin = offset;
    extent->name = tensor.name;
    tensor.data = r->data + offset; /* the start of the data is added when it is known */
    return checkpoint_add_tensor(r->checkpoint, &tensor) ? CLIPSEG_OK : error_memory(r->error);
}

static int compare_extents(const void *a, const void *b)
{
    const struct extent *x = a, *y = b;

    return x->begin < y->begin ? -1 : x->begin > y->begin;
}

/* One after the other, each at the next multiple of the alignment, up to the end of the file. */
static clipseg_status check_extents(struct reading *r, struct extent *extents, size_t count)
{
    size_t start = round_up(r->at, r->alignment), available = r->size > start ? r->size - start : 0,
           reached = 0;

    if (count)
        qsort(extents, count, sizeof *extents, compare_extents);
    for (size_t i = 0; i < count; i++) {
        if (extents[i].begin != round_up(reached, r->alignment))
            return refuse(r, "tensor \"%s\": begins at byte %zu of the data, the one before ends at %zu: %s",
                          extents[i].name, extents[i].begin, reached,
                          extents[i].begin < reached ? "overlap" : "hole");
        if (extents[i].begin > available || extents[i].size > available - extents[i].begin)
            return refuse_end(r, extents[i].name);
        reached = extents[i].begin + extents[i].size;
    }
    if (r->size < r->at || available - reached >= r->alignment)
        return refuse(r, "the tensors end at byte %zu of %zu bytes of data", reached, available);
    for (size_t i = 0; i < count; i++)
        r->checkpoint->tensors[i].data += start;
    return CLIPSEG_OK;
}

static clipseg_status read_tensors(struct reading *r, uint64_t count)
{
    struct extent *extents = count <= MOST_TENSORS ? memory_zeroed(count, sizeof *extents) : NULL;
    clipseg_status status = CLIPSEG_OK;

    if (count > MOST_TENSORS)
        return refuse(r, "%llu tensors are more than a model has", (unsigned long long)count);
    if (!extents)
        return error_memory(r->error);
    for (size_t i = 0; !status && i < count; i++)
        status = read_tensor(r, &extents[i]);
    if (!status)
        status = check_extents(r, extents, count);
    free(extents);
    return status;
}

clipseg_status gguf_read(struct checkpoint *checkpoint, const char *file, const unsigned char *data,
                         size_t size, clipseg_error *error)
{
    struct reading r = {checkpoint, file, data, size, 4, 32, false, NULL, error};
    uint64_t version = 0, tensors = 0, keys = 0;
    clipseg_status status;

    checkpoint->format = "gguf";
    if (size < 4 || memcmp(data, "GGUF", 4) != 0)
        return error_set(error, CLIPSEG_ERROR_MODEL, "%s: does not begin with GGUF: no packed model", file);
    status = take_number(&r, 4, &version);
    if (!status && version != GGUF_VERSION)
        status = version == (uint64_t)GGUF_VERSION << 24
                     ? refuse(&r, "written on a big-endian machine; convert the model again on another")
                     : refuse(&r, "version %llu of GGUF, want %d", (unsigned long long)version, GGUF_VERSION);
    if (!status)
        status = take_number(&r, 8, &tensors);
    if (!status)
        status = take_number(&r, 8, &keys);
    if (!status)
        status = read_keys(&r, keys);
    if (!status)
        status = read_tensors(&r, tensors);
    free(r.keys);
    return status ? status : checkpoint_sort(checkpoint, error);
}
