/* int8.h: what the three products of bytes for 64-bit ARM share: from integer sums to results. */
#ifndef KERNELS_NEON_INT8_H
#define KERNELS_NEON_INT8_H

#include <string.h>

#include "kernels/neon/neon.h"

#if defined(__aarch64__)

/* The first `count` (1..4) integers, the other lanes 0. */
NEON_INLINE int32x4_t neon_load_integers(const int32_t *x, size_t count)
{
    int32_t all[4] = {0};

    if (count >= 4)
        return vld1q_s32(x);
    memcpy(all, x, count * sizeof *x);
    return vld1q_s32(all);
}

/* Unsigned bytes minus 128, as signed ones. What that takes from a sum, 128 * b_sum, comes back with a zero
 * point that is 128 smaller. */
NEON_INLINE int8x16_t neon_signed(uint8x16_t x)
{
    return vreinterpretq_s8_u8(veorq_u8(x, vdupq_n_u8(128)));
}

/* Sums of a row and a panel's features to the result, as far as the columns exist; zero: the row's zero
 * point. */
NEON_INLINE void neon_finish_int8(const struct gemm_integers *g, size_t row, size_t column, int32_t zero,
                                  const int32x4_t sum[4])
{
    UNROLL for (size_t q = 0; q < 4; q++)
    {
        size_t at = column + 4 * q;
        if (at >= g->n)
            return;
        size_t count = g->n - at < 4 ? g->n - at : 4;
        int32x4_t correction = vmulq_n_s32(neon_load_integers(g->b_sum + at, count), zero);
        neon_finish(g, row, at, count, vcvtq_f32_s32(vsubq_s32(sum[q], correction)));
    }
}

#endif
#endif
