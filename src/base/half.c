/* half.c: numbers of half precision. */
#include "base/half.h"

#include <string.h>

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

void floats_from_halves(const void *halves, size_t count, float *out)
{
    const unsigned char *data = halves;
    size_t whole = count / BLOCK * BLOCK;

    for (size_t i = 0; i < whole; i += BLOCK)
        read_half_block(data + 2 * i, out + i);
    for (size_t i = whole; i < count; i++) {
        uint16_t half;
        memcpy(&half, data + 2 * i, sizeof half);
        out[i] = float_from_half(half);
    }
}
