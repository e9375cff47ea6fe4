/* emulated_avx512.h: the AVX-512 functions that src/kernels/avx512 uses, in plain C, for machines without
 * them. Included before those sources when the tests compile them a second time. Masked loads and stores
 * touch nothing where the mask has no bit, so that guard pages see what the real ones would do. */
#ifndef TESTS_KERNELS_EMULATED_AVX512_H
#define TESTS_KERNELS_EMULATED_AVX512_H

#include <math.h>
#include <string.h>

#include "kernels/kernels.h"

#define AVX512_EMULATED
#define kernels_feature(feature) true /* whatever this machine has */
#define kernels_init_avx512 emulated_kernels_init_avx512
#define avx512_gemm emulated_avx512_gemm
#define avx512_gemm_int8 emulated_avx512_gemm_int8
#define avx512_gemm_int16 emulated_avx512_gemm_int16
#define avx512_softmax emulated_avx512_softmax
#define avx512_dot_bytes emulated_avx512_dot_bytes
#define avx512_peak emulated_avx512_peak

typedef uint16_t __mmask16;
typedef uint64_t __mmask64;
typedef struct {
    float f[16];
} __attribute__((aligned(64))) __m512;
typedef union {
    int32_t i[16];
    int16_t w[32];
    int8_t s[64];
    uint8_t u[64];
} __attribute__((aligned(64))) __m512i;

#define EMULATED __attribute__((noinline, unused)) static
#define LANES for (int j = 0; j < 16; j++)

/* A function of one or two registers of floats, lane by lane: x, y -> EXPRESSION. */
#define UNARY(name, expression)                                                                              \
    EMULATED __m512 name(__m512 a)                                                                           \
    {                                                                                                        \
        LANES                                                                                                \
        {                                                                                                    \
            float x = a.f[j];                                                                                \
            a.f[j] = (expression);                                                                           \
        }                                                                                                    \
        return a;                                                                                            \
    }
#define BINARY(name, expression)                                                                             \
    EMULATED __m512 name(__m512 a, __m512 b)                                                                 \
    {                                                                                                        \
        LANES                                                                                                \
        {                                                                                                    \
            float x = a.f[j], y = b.f[j];                                                                    \
            a.f[j] = (expression);                                                                           \
        }                                                                                                    \
        return a;                                                                                            \
    }

EMULATED uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

EMULATED float of_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

BINARY(_mm512_add_ps, x + y)
BINARY(_mm512_sub_ps, x - y)
BINARY(_mm512_mul_ps, x *y)
BINARY(_mm512_div_ps, x / y)
BINARY(_mm512_min_ps, x < y ? x : y) /* the second one when they cannot be compared */
BINARY(_mm512_max_ps, x > y ? x : y)
BINARY(_mm512_and_ps, of_bits(bits_of(x) & bits_of(y)))
BINARY(_mm512_or_ps, of_bits(bits_of(x) | bits_of(y)))
UNARY(_mm512_abs_ps, fabsf(x))
UNARY(emulated_round, rintf(x))
BINARY(emulated_scale, ldexpf(x, (int)floorf(y)))
#define _MM_FROUND_TO_NEAREST_INT 0
#define _MM_FROUND_NO_EXC 8
#define _mm512_roundscale_ps(x, how) emulated_round(x)

EMULATED __m512 _mm512_set1_ps(float x)
{
    __m512 out;
    LANES out.f[j] = x;
    return out;
}

EMULATED __m512 _mm512_setzero_ps(void)
{
    return _mm512_set1_ps(0.0f);
}

EMULATED __m512 _mm512_fmadd_ps(__m512 a, __m512 b, __m512 c)
{
    LANES c.f[j] = fmaf(a.f[j], b.f[j], c.f[j]);
    return c;
}

EMULATED __m512 _mm512_fnmadd_ps(__m512 a, __m512 b, __m512 c)
{
    LANES c.f[j] = fmaf(-a.f[j], b.f[j], c.f[j]);
    return c;
}

/* Not less than, true of what cannot be compared: the only comparison in use. */
#define _CMP_NLT_UQ 21
EMULATED __mmask16 emulated_not_less(__m512 a, __m512 b)
{
    unsigned mask = 0;
    LANES mask |= (unsigned)!(a.f[j] < b.f[j]) << j;
    return (__mmask16)mask;
}
#define _mm512_cmp_ps_mask(a, b, how)                                                                        \
    ((how) == _CMP_NLT_UQ ? emulated_not_less(a, b) : (abort(), (__mmask16)0))

EMULATED __m512 _mm512_mask_add_ps(__m512 other, __mmask16 mask, __m512 a, __m512 b)
{
    LANES other.f[j] = mask >> j & 1 ? a.f[j] + b.f[j] : other.f[j];
    return other;
}

EMULATED __m512 _mm512_maskz_scalef_ps(__mmask16 mask, __m512 a, __m512 b)
{
    __m512 scaled = emulated_scale(a, b);
    LANES scaled.f[j] = mask >> j & 1 ? scaled.f[j] : 0.0f;
    return scaled;
}

EMULATED __m512 _mm512_mask_loadu_ps(__m512 other, __mmask16 mask, const float *x)
{
    LANES if (mask >> j & 1) other.f[j] = x[j];
    return other;
}

EMULATED __m512 _mm512_maskz_loadu_ps(__mmask16 mask, const float *x)
{
    return _mm512_mask_loadu_ps(_mm512_setzero_ps(), mask, x);
}

EMULATED void _mm512_mask_storeu_ps(float *x, __mmask16 mask, __m512 a)
{
    LANES if (mask >> j & 1) x[j] = a.f[j];
}

EMULATED __m512 _mm512_loadu_ps(const float *x)
{
    return _mm512_maskz_loadu_ps(0xffff, x);
}

EMULATED void _mm512_storeu_ps(float *x, __m512 a)
{
    _mm512_mask_storeu_ps(x, 0xffff, a);
}

/* Aligned to 64 bytes, or the real one would trap. */
EMULATED __m512 _mm512_load_ps(const float *x)
{
    if ((uintptr_t)x % 64)
        abort();
    return _mm512_maskz_loadu_ps(0xffff, x);
}

EMULATED void _mm512_store_ps(float *x, __m512 a)
{
    if ((uintptr_t)x % 64)
        abort();
    _mm512_mask_storeu_ps(x, 0xffff, a);
}

EMULATED float _mm512_reduce_add_ps(__m512 a)
{
    float sum = 0.0f;
    LANES sum += a.f[j];
    return sum;
}

EMULATED float _mm512_reduce_max_ps(__m512 a)
{
    float maximum = a.f[0];
    LANES maximum = a.f[j] > maximum ? a.f[j] : maximum;
    return maximum;
}

/* ---- integers */

EMULATED __m512i _mm512_set1_epi8(char x)
{
    __m512i out;
    memset(&out, x, sizeof out);
    return out;
}

EMULATED __m512i _mm512_setzero_si512(void)
{
    return _mm512_set1_epi8(0);
}

EMULATED __m512i _mm512_set1_epi32(int32_t x)
{
    __m512i out;
    LANES out.i[j] = x;
    return out;
}

EMULATED __m512i _mm512_loadu_si512(const void *x)
{
    __m512i out;
    memcpy(&out, x, sizeof out);
    return out;
}

EMULATED __m512i _mm512_load_si512(const void *x)
{
    if ((uintptr_t)x % 64)
        abort();
    return _mm512_loadu_si512(x);
}

EMULATED void _mm512_store_si512(void *x, __m512i a)
{
    if ((uintptr_t)x % 64)
        abort();
    memcpy(x, &a, sizeof a);
}

EMULATED __m512i _mm512_maskz_loadu_epi32(__mmask16 mask, const void *x)
{
    __m512i out = _mm512_setzero_si512();
    LANES if (mask >> j & 1) memcpy(&out.i[j], (const char *)x + 4 * j, 4);
    return out;
}

EMULATED __m512i _mm512_maskz_loadu_epi8(__mmask64 mask, const void *x)
{
    __m512i out = _mm512_setzero_si512();
    for (int j = 0; j < 64; j++)
        if (mask >> j & 1)
            out.s[j] = ((const int8_t *)x)[j];
    return out;
}

EMULATED __m512i _mm512_xor_si512(__m512i a, __m512i b)
{
    LANES a.i[j] ^= b.i[j];
    return a;
}

EMULATED __m512i _mm512_add_epi32(__m512i a, __m512i b)
{
    LANES a.i[j] = (int32_t)((uint32_t)a.i[j] + (uint32_t)b.i[j]);
    return a;
}

EMULATED __m512i _mm512_sub_epi32(__m512i a, __m512i b)
{
    LANES a.i[j] = (int32_t)((uint32_t)a.i[j] - (uint32_t)b.i[j]);
    return a;
}

EMULATED __m512i _mm512_mullo_epi32(__m512i a, __m512i b)
{
    LANES a.i[j] = (int32_t)((uint32_t)a.i[j] * (uint32_t)b.i[j]);
    return a;
}

/* Unsigned bytes of a by signed ones of b, four to a sum of 32 bits. */
EMULATED __m512i _mm512_dpbusd_epi32(__m512i sum, __m512i a, __m512i b)
{
    for (int j = 0; j < 64; j++)
        sum.i[j / 4] += a.u[j] * b.s[j];
    return sum;
}

/* Signed words, two products to a sum of 32 bits, which wraps around. */
EMULATED __m512i _mm512_dpwssd_epi32(__m512i sum, __m512i a, __m512i b)
{
    for (int j = 0; j < 32; j++)
        sum.i[j / 2] = (int32_t)((uint32_t)sum.i[j / 2] + (uint32_t)(a.w[j] * b.w[j]));
    return sum;
}

EMULATED __m512 _mm512_cvtepi32_ps(__m512i a)
{
    __m512 out;
    LANES out.f[j] = (float)a.i[j];
    return out;
}

EMULATED int32_t _mm512_reduce_add_epi32(__m512i a)
{
    int32_t sum = 0;
    LANES sum += a.i[j];
    return sum;
}

#endif
