/* tensor.c: element types and their conversion to float32. */
#include <string.h>

#include "base/checked.h"
#include "base/half.h"
#include "checkpoint/list.h"

static const struct {
    const char *name;
    size_t size;
} types[] = {
    [TENSOR_F32] = {"F32", 4},   [TENSOR_F16] = {"F16", 2}, [TENSOR_BF16] = {"BF16", 2},
    [TENSOR_F64] = {"F64", 8},   [TENSOR_I64] = {"I64", 8}, [TENSOR_I32] = {"I32", 4},
    [TENSOR_I16] = {"I16", 2},   [TENSOR_I8] = {"I8", 1},   [TENSOR_U8] = {"U8", 1},
    [TENSOR_BOOL] = {"BOOL", 1},
};

const char *tensor_type_name(enum tensor_type type)
{
    return types[type].name;
}

size_t tensor_type_size(enum tensor_type type)
{
    return types[type].size;
}

bool tensor_is_float(const struct tensor *tensor)
{
    return tensor->type == TENSOR_F32 || tensor->type == TENSOR_F16 || tensor->type == TENSOR_BF16 ||
           tensor->type == TENSOR_F64;
}

bool tensor_type_find(const char *name, enum tensor_type *type)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(types[i].name, name)) {
            *type = (enum tensor_type)i;
            return true;
        }
    return false;
}

bool tensor_measure(struct tensor *tensor, size_t *bytes)
{
    tensor->count = 1;
    for (size_t i = 0; i < tensor->rank; i++)
        if (!size_multiply(tensor->count, tensor->shape[i], &tensor->count))
            return false;
    return size_multiply(tensor->count, types[tensor->type].size, bytes);
}

static void read_bfloats(const unsigned char *data, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t upper;
        memcpy(&upper, data + 2 * i, sizeof upper);
        uint32_t bits = (uint32_t)upper << 16;
        memcpy(&out[i], &bits, sizeof bits);
    }
}

static void read_doubles(const unsigned char *data, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++) {
        double value;
        memcpy(&value, data + 8 * i, sizeof value);
        out[i] = (float)value;
    }
}

static void read_elements(enum tensor_type type, const unsigned char *data, size_t count, float *out)
{
    switch (type) {
    case TENSOR_F16:
        floats_from_halves(data, count, out);
        break;
    case TENSOR_BF16:
        read_bfloats(data, count, out);
        break;
    case TENSOR_F64:
        read_doubles(data, count, out);
        break;
    default:
        memcpy(out, data, count * sizeof *out);
        break;
    }
}

/* The element of this number in row-major order, for tensors that torch wrote as views (transposed ones). */
static const unsigned char *find_element(const struct tensor *tensor, size_t number)
{
    size_t offset = 0;

    for (size_t i = tensor->rank; i-- > 0; number /= tensor->shape[i])
        offset += number % tensor->shape[i] * tensor->stride[i];
    return tensor->data + offset * types[tensor->type].size;
}

void tensor_read_f32(const struct tensor *tensor, size_t first, size_t count, float *out)
{
    if (!tensor->strided)
        read_elements(tensor->type, tensor->data + first * types[tensor->type].size, count, out);
    else
        for (size_t i = 0; i < count; i++)
            read_elements(tensor->type, find_element(tensor, first + i), 1, out + i);
}
