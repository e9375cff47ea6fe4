/* avx512.h: the kernels for AVX-512 (F, BW, DQ, VL); what is not here stays with AVX2. Contracts: kernels.h.
 */
#ifndef KERNELS_AVX512_AVX512_H
#define KERNELS_AVX512_AVX512_H

#include <string.h>

#include "kernels/kernels.h"

gemm_kernel avx512_gemm;
softmax_kernel avx512_softmax;
dot_bytes_kernel avx512_dot_bytes;      /* needs VNNI */
gemm_integers_kernel avx512_gemm_int8;  /* needs VNNI */
gemm_integers_kernel avx512_gemm_int16; /* needs VNNI */
peak_kernel avx512_peak;

#if defined(__x86_64__)
#if defined(AVX512_EMULATED) /* the tests' header defines the functions for other machines */
#define AVX512_TARGET(more)
#else
#include <immintrin.h>
#define AVX512_TARGET(more) __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma" more)))
#endif

#define AVX512 AVX512_TARGET("")
#define AVX512_INLINE AVX512_TARGET("") static inline __attribute__((always_inline))
#define VNNI AVX512_TARGET(",avx512vnni")
#define VNNI_INLINE AVX512_TARGET(",avx512vnni") static inline __attribute__((always_inline))

/* Loops over accumulator registers must disappear completely, or the compiler keeps the array in memory. */
#if defined(AVX512_EMULATED)
#define UNROLL512
#elif defined(__clang__)
#define UNROLL512 _Pragma("clang loop unroll(full)")
#else
#define UNROLL512 _Pragma("GCC unroll 16")
#endif

/* TILE(rows) for what is left below a whole tile of twelve rows. A constant in every case, so that the
 * accumulators become registers. */
#define AVX512_TAIL(rows, TILE)                                                                              \
    switch (rows) {                                                                                          \
    case 1:                                                                                                  \
        TILE(1);                                                                                             \
        break;                                                                                               \
    case 2:                                                                                                  \
        TILE(2);                                                                                             \
        break;                                                                                               \
    case 3:                                                                                                  \
        TILE(3);                                                                                             \
        break;                                                                                               \
    case 4:                                                                                                  \
        TILE(4);                                                                                             \
        break;                                                                                               \
    case 5:                                                                                                  \
        TILE(5);                                                                                             \
        break;                                                                                               \
    case 6:                                                                                                  \
        TILE(6);                                                                                             \
        break;                                                                                               \
    case 7:                                                                                                  \
        TILE(7);                                                                                             \
        break;                                                                                               \
    case 8:                                                                                                  \
        TILE(8);                                                                                             \
        break;                                                                                               \
    case 9:                                                                                                  \
        TILE(9);                                                                                             \
        break;                                                                                               \
    case 10:                                                                                                 \
        TILE(10);                                                                                            \
        break;                                                                                               \
    case 11:                                                                                                 \
        TILE(11);                                                                                            \
        break;                                                                                               \
    default:                                                                                                 \
        break;                                                                                               \
    }

/* sum + products of four unsigned bytes of x with four signed ones of b in each lane. GCC 12 copies sums to
 * other registers and back around its function for this instruction, which takes longer than the instruction.
 */
VNNI_INLINE __m512i vnni_add(__m512i sum, __m512i x, __m512i b)
{
#if defined(AVX512_EMULATED)
    return _mm512_dpbusd_epi32(sum, x, b);
#else
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(b));
    return sum;
#endif
}

/* sum + products of two signed words of x with two of b in each lane. */
VNNI_INLINE __m512i vnni_add_words(__m512i sum, __m512i x, __m512i b)
{
#if defined(AVX512_EMULATED)
    return _mm512_dpwssd_epi32(sum, x, b);
#else
    __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(b));
    return sum;
#endif
}

/* Four bytes, or two words, in every lane. */
AVX512_INLINE __m512i avx512_broadcast(const void *x)
{
    int32_t bits;

    memcpy(&bits, x, sizeof bits);
    return _mm512_set1_epi32(bits);
}

/* The first `count` (0..16) lanes. */
AVX512_INLINE __mmask16 avx512_mask(size_t count)
{
    return (__mmask16)(count >= 16 ? 0xffffu : (1u << count) - 1u);
}

/* e^x as avx2_exp computes it, sixteen at a time; NaN stays NaN. */
AVX512_INLINE __m512 avx512_exp(__m512 x)
{
    const __m512 low = _mm512_set1_ps(-87.3f), high = _mm512_set1_ps(88.3f);
    __mmask16 kept = _mm512_cmp_ps_mask(x, low, _CMP_NLT_UQ);
    x = _mm512_min_ps(high, _mm512_max_ps(low, x)); /* in this order a NaN in x survives */
    __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)),
                                    _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
    __m512 p = _mm512_set1_ps(1.3888889e-3f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.3333333e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1666667e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6666667e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.5f));
    p = _mm512_fmadd_ps(p, _mm512_mul_ps(r, r), r);
    p = _mm512_add_ps(p, _mm512_set1_ps(1.0f));
    return _mm512_maskz_scalef_ps(kept, p, n);
}

/* erf by Abramowitz and Stegun 7.1.26, absolute error below 1.5e-7. */
AVX512_INLINE __m512 avx512_erf(__m512 x)
{
    const __m512 one = _mm512_set1_ps(1.0f);
    __m512 magnitude = _mm512_abs_ps(x), sign = _mm512_and_ps(x, _mm512_set1_ps(-0.0f));
    __m512 t = _mm512_div_ps(one, _mm512_fmadd_ps(_mm512_set1_ps(0.3275911f), magnitude, one));
    __m512 p = _mm512_set1_ps(1.061405429f);
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(-1.453152027f));
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(1.421413741f));
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(-0.284496736f));
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(0.254829592f));
    __m512 e = avx512_exp(_mm512_sub_ps(_mm512_setzero_ps(), _mm512_mul_ps(magnitude, magnitude)));
    return _mm512_or_ps(_mm512_fnmadd_ps(_mm512_mul_ps(p, t), e, one), sign);
}

AVX512_INLINE __m512 avx512_activate(__m512 x, enum gemm_activation activation)
{
    switch (activation) {
    case GEMM_RELU:
        return _mm512_max_ps(_mm512_setzero_ps(), x);
    case GEMM_QUICK_GELU: {
        __m512 e = avx512_exp(_mm512_mul_ps(x, _mm512_set1_ps(-1.702f)));
        return _mm512_div_ps(x, _mm512_add_ps(_mm512_set1_ps(1.0f), e));
    }
    case GEMM_GELU: {
        __m512 half = _mm512_mul_ps(x, _mm512_set1_ps(0.5f));
        return _mm512_fmadd_ps(half, avx512_erf(_mm512_mul_ps(x, _mm512_set1_ps(0.70710678f))), half);
    }
    default:
        return x;
    }
}

/* Sums of products of integers to the result: sixteen columns from `column` on, of which `count` (1..16)
 * exist. Product and bias are rounded apart, as the reference does. */
AVX512_INLINE void avx512_finish(const struct gemm_integers *g, size_t row, size_t column, size_t count,
                                 __m512 sum)
{
    __mmask16 mask = avx512_mask(count);
    __m512 scale =
        _mm512_mul_ps(_mm512_set1_ps(g->a_scale[row]), _mm512_maskz_loadu_ps(mask, g->b_scale + column));
    __m512 bias = g->bias ? _mm512_maskz_loadu_ps(mask, g->bias + column) : _mm512_setzero_ps();
    __m512 x = avx512_activate(_mm512_add_ps(_mm512_mul_ps(sum, scale), bias), g->activation);

    if (g->residual)
        x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(mask, g->residual + row * g->c_stride + column));
    _mm512_mask_storeu_ps(g->c + row * g->c_stride + column, mask, x);
}

#endif
#endif
