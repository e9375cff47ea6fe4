/* dot.c: products of rows of bytes for 64-bit ARM.
 *
 * Two products of at most 127 * 127 fit into 16 bits, so two are summed there before they are widened. */
#include "kernels/neon/neon.h"

#if defined(__aarch64__)

NEON_INLINE int32x4_t add_products(int32x4_t sum, int8x16_t x, int8x16_t y)
{
    int16x8_t pairs = vmull_s8(vget_low_s8(x), vget_low_s8(y));
    return vpadalq_s16(sum, vmlal_s8(pairs, vget_high_s8(x), vget_high_s8(y)));
}

void neon_dot_bytes(size_t rows, size_t n, const int8_t *x, size_t x_stride, const int8_t *y, int32_t *out)
{
    for (size_t row = 0; row < rows; row++, x += x_stride) {
        int32x4_t sum0 = vdupq_n_s32(0), sum1 = vdupq_n_s32(0);
        size_t i = 0;
        for (; i + 32 <= n; i += 32) {
            sum0 = add_products(sum0, vld1q_s8(x + i), vld1q_s8(y + i));
            sum1 = add_products(sum1, vld1q_s8(x + i + 16), vld1q_s8(y + i + 16));
        }
        int32_t sum = vaddvq_s32(vaddq_s32(sum0, sum1));
        for (; i < n; i++)
            sum += x[i] * y[i];
        out[row] = sum;
    }
}

#endif
