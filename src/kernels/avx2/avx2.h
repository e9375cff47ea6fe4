/* avx2.h: the kernels for AVX2 with FMA and F16C, and the few vector functions that they share. Contracts:
 * kernels.h.
 */
#ifndef KERNELS_AVX2_AVX2_H
#define KERNELS_AVX2_AVX2_H

#include <string.h>

#include "kernels/kernels.h"

gemm_kernel avx2_gemm;
gemm_integers_kernel avx2_gemm_int8;
gemm_integers_kernel avx2_gemm_int16;
quantize_rows_kernel avx2_quantize_rows;
quantize_words_kernel avx2_quantize_words;
layer_norm_kernel avx2_layer_norm;
softmax_kernel avx2_softmax;
pack_rows_kernel avx2_pack_rows;
expand_half_kernel avx2_expand_half;
enlarge_row_kernel avx2_enlarge_row;
normalize_row_kernel avx2_normalize_row;
dot_bytes_kernel avx2_dot_bytes;
peak_kernel avx2_peak;

/* quantize.c: the range of a row with 0 in it. false: something is not finite. */
bool avx2_row_range(size_t n, const float *x, float *low, float *high);

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,fma,f16c")))
#define AVX2_INLINE static inline __attribute__((always_inline, target("avx2,fma,f16c")))

/* Loops over accumulator registers must disappear completely, or the compiler keeps the array in memory. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* The first `count` (0..8) lanes set. */
AVX2_INLINE __m256i avx2_mask(size_t count)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(count < 8 ? count : 8)), lane);
}

/* e^x: x = n ln 2 + r with ln 2 in two parts, e^r by a polynomial of degree 6; relative error below 2e-7.
 * Below -87.3 the result is 0, above 88.3 the largest that fits; NaN stays NaN. */
AVX2_INLINE __m256 avx2_exp(__m256 x)
{
    const __m256 low = _mm256_set1_ps(-87.3f), high = _mm256_set1_ps(88.3f);
    __m256 small = _mm256_cmp_ps(x, low, _CMP_LT_OQ);
    x = _mm256_min_ps(high, _mm256_max_ps(low, x)); /* in this order a NaN in x survives */
    __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504f)),
                               _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693359375f), x);
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(-2.12194440e-4f), r);
    __m256 p = _mm256_set1_ps(1.3888889e-3f);
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(8.3333333e-3f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(4.1666667e-2f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.6666667e-1f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0.5f));
    p = _mm256_fmadd_ps(p, _mm256_mul_ps(r, r), r);
    p = _mm256_add_ps(p, _mm256_set1_ps(1.0f));
    __m256i exponent = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    return _mm256_andnot_ps(small, _mm256_mul_ps(p, _mm256_castsi256_ps(exponent)));
}

/* 1 / (1 + e^-x) */
AVX2_INLINE __m256 avx2_sigmoid(__m256 x)
{
    const __m256 one = _mm256_set1_ps(1.0f);
    return _mm256_div_ps(one, _mm256_add_ps(one, avx2_exp(_mm256_sub_ps(_mm256_setzero_ps(), x))));
}

/* erf by Abramowitz and Stegun 7.1.26, absolute error below 1.5e-7. */
AVX2_INLINE __m256 avx2_erf(__m256 x)
{
    const __m256 sign_bit = _mm256_set1_ps(-0.0f), one = _mm256_set1_ps(1.0f);
    __m256 sign = _mm256_and_ps(x, sign_bit), magnitude = _mm256_andnot_ps(sign_bit, x);
    __m256 t = _mm256_div_ps(one, _mm256_fmadd_ps(_mm256_set1_ps(0.3275911f), magnitude, one));
    __m256 p = _mm256_set1_ps(1.061405429f);
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(-1.453152027f));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(1.421413741f));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(-0.284496736f));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(0.254829592f));
    __m256 square = _mm256_mul_ps(magnitude, magnitude);
    __m256 e = avx2_exp(_mm256_sub_ps(_mm256_setzero_ps(), square));
    return _mm256_or_ps(_mm256_fnmadd_ps(_mm256_mul_ps(p, t), e, one), sign);
}

AVX2_INLINE __m256 avx2_activate(__m256 x, enum gemm_activation activation)
{
    switch (activation) {
    case GEMM_RELU:
        return _mm256_max_ps(_mm256_setzero_ps(), x);
    case GEMM_QUICK_GELU: {
        __m256 e = avx2_exp(_mm256_mul_ps(x, _mm256_set1_ps(-1.702f)));
        return _mm256_div_ps(x, _mm256_add_ps(_mm256_set1_ps(1.0f), e));
    }
    case GEMM_GELU: {
        __m256 half = _mm256_mul_ps(x, _mm256_set1_ps(0.5f));
        return _mm256_fmadd_ps(half, avx2_erf(_mm256_mul_ps(x, _mm256_set1_ps(0.70710678f))), half);
    }
    default:
        return x;
    }
}

/* Four bytes, or two words, in every lane. */
AVX2_INLINE __m256i avx2_broadcast(const void *x)
{
    int32_t bits;

    memcpy(&bits, x, sizeof bits);
    return _mm256_set1_epi32(bits);
}

/* Sums of products of integers to the result: eight columns from `column` on, of which `count` (1..8) exist.
 * Product and bias are rounded apart, as the reference does. */
AVX2_INLINE void avx2_finish(const struct gemm_integers *g, size_t row, size_t column, size_t count,
                             __m256 sum)
{
    __m256i mask = avx2_mask(count);
    __m256 scale =
        _mm256_mul_ps(_mm256_set1_ps(g->a_scale[row]), _mm256_maskload_ps(g->b_scale + column, mask));
    __m256 bias = g->bias ? _mm256_maskload_ps(g->bias + column, mask) : _mm256_setzero_ps();
    __m256 x = avx2_activate(_mm256_add_ps(_mm256_mul_ps(sum, scale), bias), g->activation);
    float *c = g->c + row * g->c_stride + column;

    if (g->residual)
        x = _mm256_add_ps(x, _mm256_maskload_ps(g->residual + row * g->c_stride + column, mask));
    if (count == 8)
        _mm256_storeu_ps(c, x);
    else
        _mm256_maskstore_ps(c, mask, x);
}

/* The sum of all lanes. */
AVX2_INLINE float avx2_sum(__m256 x)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    s = _mm_add_ss(s, _mm_movehdup_ps(s));
    return _mm_cvtss_f32(s);
}

#endif
#endif
