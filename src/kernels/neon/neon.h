/* neon.h: the kernels for 64-bit ARM, and the few vector functions that they share. Contracts: kernels.h. */
#ifndef KERNELS_NEON_NEON_H
#define KERNELS_NEON_NEON_H

#include "kernels/kernels.h"

gemm_kernel neon_gemm;
layer_norm_kernel neon_layer_norm;
softmax_kernel neon_softmax;
pack_rows_kernel neon_pack_rows;
enlarge_row_kernel neon_enlarge_row;
normalize_row_kernel neon_normalize_row;
dot_bytes_kernel neon_dot_bytes;
peak_kernel neon_peak;

#if defined(__aarch64__)
#include <arm_neon.h>

#define NEON_INLINE static inline __attribute__((always_inline))

/* Loops over accumulator registers must disappear completely, or the compiler keeps the array in memory. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* e^x as avx2_exp: ln 2 in two parts, a polynomial of degree 6; relative error below 2e-7. Below -87.3 the
 * result is 0, above 88.3 the largest that fits; NaN stays NaN (FMIN and FMAX pass it on). */
NEON_INLINE float32x4_t neon_exp(float32x4_t x)
{
    const float32x4_t low = vdupq_n_f32(-87.3f), high = vdupq_n_f32(88.3f);
    uint32x4_t small = vcltq_f32(x, low);
    x = vminq_f32(vmaxq_f32(x, low), high);
    float32x4_t n = vrndnq_f32(vmulq_n_f32(x, 1.44269504f));
    float32x4_t r = vfmsq_f32(x, n, vdupq_n_f32(0.693359375f));
    r = vfmsq_f32(r, n, vdupq_n_f32(-2.12194440e-4f));
    float32x4_t p = vdupq_n_f32(1.3888889e-3f);
    p = vfmaq_f32(vdupq_n_f32(8.3333333e-3f), p, r);
    p = vfmaq_f32(vdupq_n_f32(4.1666667e-2f), p, r);
    p = vfmaq_f32(vdupq_n_f32(1.6666667e-1f), p, r);
    p = vfmaq_f32(vdupq_n_f32(0.5f), p, r);
    p = vfmaq_f32(r, p, vmulq_f32(r, r));
    p = vaddq_f32(p, vdupq_n_f32(1.0f));
    int32x4_t exponent = vshlq_n_s32(vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127)), 23);
    float32x4_t y = vmulq_f32(p, vreinterpretq_f32_s32(exponent));
    return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(y), small));
}

/* 1 / (1 + e^-x) */
NEON_INLINE float32x4_t neon_sigmoid(float32x4_t x)
{
    const float32x4_t one = vdupq_n_f32(1.0f);
    return vdivq_f32(one, vaddq_f32(one, neon_exp(vnegq_f32(x))));
}

/* The first `count` (1..4) floats, the other lanes 0; nothing behind them is read. */
NEON_INLINE float32x4_t neon_load(const float *x, size_t count)
{
    float32x4_t y = vdupq_n_f32(0.0f);

    if (count >= 4)
        return vld1q_f32(x);
    y = vld1q_lane_f32(x, y, 0);
    if (count > 1)
        y = vld1q_lane_f32(x + 1, y, 1);
    if (count > 2)
        y = vld1q_lane_f32(x + 2, y, 2);
    return y;
}

/* The first `count` (1..4) lanes to memory. */
NEON_INLINE void neon_store(float *x, float32x4_t y, size_t count)
{
    if (count >= 4) {
        vst1q_f32(x, y);
        return;
    }
    vst1q_lane_f32(x, y, 0);
    if (count > 1)
        vst1q_lane_f32(x + 1, y, 1);
    if (count > 2)
        vst1q_lane_f32(x + 2, y, 2);
}

#endif
#endif
