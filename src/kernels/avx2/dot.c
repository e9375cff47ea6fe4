/* dot.c: products of rows of bytes for AVX2.
 *
 * vpmaddubsw wants one unsigned factor: |x| * (y with the sign of x). A sum of two products is at most
 * 2 * 127 * 127 = 32258 and fits into 16 bits. */
#include <string.h>

#include "kernels/avx2/avx2.h"

#if defined(__x86_64__)

AVX2_INLINE __m256i add_products(__m256i sum, __m256i x, __m256i y)
{
    __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8(y, x));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

/* The last n % 32 bytes, zeros behind them. */
AVX2_INLINE __m256i load_tail(const int8_t *x, size_t count)
{
    int8_t bytes[32] = {0};

    memcpy(bytes, x, count);
    return _mm256_loadu_si256((const __m256i *)(const void *)bytes);
}

AVX2_INLINE __m256i load_bytes(const int8_t *x)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)x);
}

AVX2_INLINE int32_t sum_lanes(__m256i x)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
    return _mm_cvtsi128_si32(s);
}

AVX2 void avx2_dot_bytes(size_t rows, size_t n, const int8_t *x, size_t x_stride, const int8_t *y,
                         int32_t *out)
{
    size_t whole = n / 32 * 32;

    for (size_t row = 0; row < rows; row++, x += x_stride) {
        __m256i sum0 = _mm256_setzero_si256(), sum1 = _mm256_setzero_si256();
        size_t i = 0;
        for (; i + 64 <= whole; i += 64) {
            sum0 = add_products(sum0, load_bytes(x + i), load_bytes(y + i));
            sum1 = add_products(sum1, load_bytes(x + i + 32), load_bytes(y + i + 32));
        }
        if (i < whole)
            sum0 = add_products(sum0, load_bytes(x + i), load_bytes(y + i));
        if (whole < n)
            sum1 = add_products(sum1, load_tail(x + whole, n - whole), load_tail(y + whole, n - whole));
        out[row] = sum_lanes(_mm256_add_epi32(sum0, sum1));
    }
}

#endif
