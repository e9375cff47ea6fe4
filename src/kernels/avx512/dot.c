/* dot.c: products of rows of bytes for AVX-512 with VNNI.
 *
 * vpdpbusd multiplies unsigned by signed bytes: x + 128 is unsigned, and what that adds, 128 * sum(y), is the
 * same for all rows and subtracted at the end. */
#include "kernels/avx512/avx512.h"

#if defined(__x86_64__)

/* The first `count` (0..64) bytes. */
VNNI_INLINE __mmask64 byte_mask(size_t count)
{
    return count >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << count) - 1;
}

VNNI_INLINE __m512i add_products(__m512i sum, __m512i x, __m512i y)
{
    return vnni_add(sum, _mm512_xor_si512(x, _mm512_set1_epi8(-128)), y);
}

VNNI void avx512_dot_bytes(size_t rows, size_t n, const int8_t *x, size_t x_stride, const int8_t *y,
                           int32_t *out)
{
    size_t whole = n / 64 * 64;
    __mmask64 tail = byte_mask(n - whole);
    __m512i last = _mm512_maskz_loadu_epi8(tail, y + whole);
    int32_t shift = 0;

    for (size_t i = 0; i < n; i++)
        shift += 128 * y[i];
    for (size_t row = 0; row < rows; row++, x += x_stride) {
        __m512i sum0 = _mm512_setzero_si512(), sum1 = _mm512_setzero_si512();
        size_t i = 0;
        for (; i + 128 <= whole; i += 128) {
            sum0 = add_products(sum0, _mm512_loadu_si512(x + i), _mm512_loadu_si512(y + i));
            sum1 = add_products(sum1, _mm512_loadu_si512(x + i + 64), _mm512_loadu_si512(y + i + 64));
        }
        if (i < whole)
            sum0 = add_products(sum0, _mm512_loadu_si512(x + i), _mm512_loadu_si512(y + i));
        if (tail) /* bytes of x beyond n are 0 + 128, those of y are 0 */
            sum1 = add_products(sum1, _mm512_maskz_loadu_epi8(tail, x + whole), last);
        out[row] = _mm512_reduce_add_epi32(_mm512_add_epi32(sum0, sum1)) - shift;
    }
}

#endif
