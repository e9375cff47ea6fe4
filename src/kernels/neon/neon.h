/* neon.h: the kernels for 64-bit ARM, and the few vector functions that they share. Contracts: kernels.h. */
#ifndef KERNELS_NEON_NEON_H
#define KERNELS_NEON_NEON_H

#include "kernels/kernels.h"

gemm_kernel neon_gemm;
gemm_integers_kernel neon_gemm_int8;
gemm_integers_kernel neon_gemm_int8_dotprod; /* needs the dot product instructions */
gemm_integers_kernel neon_gemm_int8_i8mm;    /* needs the matrix product of bytes */
gemm_integers_kernel neon_gemm_int16;
quantize_rows_kernel neon_quantize_rows;
quantize_words_kernel neon_quantize_words;
layer_norm_kernel neon_layer_norm;
softmax_kernel neon_softmax;
pack_rows_kernel neon_pack_rows;
expand_half_kernel neon_expand_half;
enlarge_row_kernel neon_enlarge_row;
normalize_row_kernel neon_normalize_row;
dot_bytes_kernel neon_dot_bytes;
peak_kernel neon_peak;

/* quantize.c: the range of a row with 0 in it. false: something is not finite. */
bool neon_row_range(size_t n, const float *x, float *low, float *high);

#if defined(__aarch64__)
#include <arm_neon.h>

/* Do the compiler's headers have what later processors added, for functions that ask for it? */
#if !defined(__clang__) || __clang_major__ >= 16
#define NEON_EXTENSIONS
#endif

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

/* erf by Abramowitz and Stegun 7.1.26, absolute error below 1.5e-7. */
NEON_INLINE float32x4_t neon_erf(float32x4_t x)
{
    const float32x4_t one = vdupq_n_f32(1.0f);
    float32x4_t magnitude = vabsq_f32(x);
    float32x4_t t = vdivq_f32(one, vfmaq_n_f32(one, magnitude, 0.3275911f));
    float32x4_t p = vdupq_n_f32(1.061405429f);
    p = vfmaq_f32(vdupq_n_f32(-1.453152027f), p, t);
    p = vfmaq_f32(vdupq_n_f32(1.421413741f), p, t);
    p = vfmaq_f32(vdupq_n_f32(-0.284496736f), p, t);
    p = vfmaq_f32(vdupq_n_f32(0.254829592f), p, t);
    float32x4_t e = neon_exp(vnegq_f32(vmulq_f32(magnitude, magnitude)));
    float32x4_t y = vfmsq_f32(one, vmulq_f32(p, t), e);
    return vbslq_f32(vdupq_n_u32(0x80000000u), x, y); /* with the sign of x */
}

NEON_INLINE float32x4_t neon_activate(float32x4_t x, enum gemm_activation activation)
{
    switch (activation) {
    case GEMM_RELU:
        return vmaxq_f32(x, vdupq_n_f32(0.0f));
    case GEMM_QUICK_GELU:
        return vdivq_f32(x, vaddq_f32(neon_exp(vmulq_n_f32(x, -1.702f)), vdupq_n_f32(1.0f)));
    case GEMM_GELU: {
        float32x4_t half = vmulq_n_f32(x, 0.5f);
        return vfmaq_f32(half, half, neon_erf(vmulq_n_f32(x, 0.70710678f)));
    }
    default:
        return x;
    }
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

/* Sums of products of integers to the result: four columns from `column` on, of which `count` (1..4) exist.
 * Product and bias are rounded apart, as the reference does. */
NEON_INLINE void neon_finish(const struct gemm_integers *g, size_t row, size_t column, size_t count,
                             float32x4_t sum)
{
    float32x4_t scale = vmulq_n_f32(neon_load(g->b_scale + column, count), g->a_scale[row]);
    float32x4_t x = vmulq_f32(sum, scale);

    if (g->bias)
        x = vaddq_f32(x, neon_load(g->bias + column, count));
    x = neon_activate(x, g->activation);
    if (g->residual)
        x = vaddq_f32(x, neon_load(g->residual + row * g->c_stride + column, count));
    neon_store(g->c + row * g->c_stride + column, x, count);
}

#endif
#endif
