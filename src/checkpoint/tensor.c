/* tensor.c: element types and their conversion to float32. */
#include <string.h>

#include "base/checked.h"
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

static float float_from_bits(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Half precision: shift exponent and mantissa into place and let a multiplication by 2^112 correct the bias,
 * which also makes subnormal numbers come out right; infinities and NaN get their exponent set. */
float float_from_half(uint16_t half)
{
    uint32_t magnitude = (uint32_t)(half & 0x7fff) << 13, sign = (uint32_t)(half & 0x8000) << 16;
    float scaled = float_from_bits(magnitude) * float_from_bits(0x77800000);
    uint32_t bits;

    memcpy(&bits, &scaled, sizeof bits);
    bits |= magnitude >= 0x0f800000 ? 0x7f800000 : 0;
    return float_from_bits(bits | sign);
}

uint16_t half_from_float(float value)
{
    uint32_t bits, sign;

    memcpy(&bits, &value, sizeof bits);
    sign = bits >> 16 & 0x8000;
    bits &= 0x7fffffff;
    if (bits > 0x7f800000) /* NaN */
        return (uint16_t)(sign | 0x7e00);
    if (bits >= 0x47800000) /* 65536 and more */
        return (uint16_t)(sign | 0x7c00);
    if (bits < 0x38800000) { /* below 2^-14: let the addition of 2^-1 round to multiples of 2^-24 */
        float rounded = float_from_bits(bits) + 0.5f;
        memcpy(&bits, &rounded, sizeof bits);
        return (uint16_t)(sign | (bits - 0x3f000000));
    }
    bits += 0x0fff + (bits >> 13 & 1); /* may carry into the exponent, up to infinity */
    return (uint16_t)(sign | (bits - 0x38000000) >> 13);
}

#define BLOCK 16

/* The same for a block; fixed lengths and no branches, so that compilers turn it into vectors. */
static void read_half_block(const unsigned char *data, float *out)
{
    uint16_t halves[BLOCK];
    uint32_t bits[BLOCK];
    float scaled[BLOCK];

    memcpy(halves, data, sizeof halves);
    for (size_t i = 0; i < BLOCK; i++)
        bits[i] = (uint32_t)(halves[i] & 0x7fff) << 13;
    memcpy(scaled, bits, sizeof scaled);
    for (size_t i = 0; i < BLOCK; i++)
        scaled[i] *= 0x1p112f;
    memcpy(bits, scaled, sizeof bits);
    for (size_t i = 0; i < BLOCK; i++) {
        uint32_t special = (halves[i] & 0x7c00) == 0x7c00 ? 0x7f800000 : 0;
        bits[i] |= special | (uint32_t)(halves[i] & 0x8000) << 16;
    }
    memcpy(out, bits, sizeof bits);
}

static void read_halves(const unsigned char *data, size_t count, float *out)
{
    size_t whole = count / BLOCK * BLOCK;

    for (size_t i = 0; i < whole; i += BLOCK)
        read_half_block(data + 2 * i, out + i);
    for (size_t i = whole; i < count; i++) {
        uint16_t half;
        memcpy(&half, data + 2 * i, sizeof half);
        out[i] = float_from_half(half);
    }
}

static void read_bfloats(const unsigned char *data, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t upper;
        memcpy(&upper, data + 2 * i, sizeof upper);
        out[i] = float_from_bits((uint32_t)upper << 16);
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
        read_halves(data, count, out);
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
