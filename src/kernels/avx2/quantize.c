/* quantize.c: rows of floats to bytes for AVX2. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "kernels/avx2/avx2.h"

#if defined(__x86_64__)

/* The range of a row with 0 in it. false: something is not finite. */
AVX2 static bool row_range(size_t n, const float *x, float *low, float *high)
{
    __m256 lowest = _mm256_setzero_ps(), highest = lowest, check = lowest, zero = lowest;
    float lows[8], highs[8];

    for (size_t i = 0; i < n; i += 8) {
        __m256 y = n - i >= 8 ? _mm256_loadu_ps(x + i) : _mm256_maskload_ps(x + i, avx2_mask(n - i));
        lowest = _mm256_min_ps(lowest, y);
        highest = _mm256_max_ps(highest, y);
        check = _mm256_fmadd_ps(y, zero, check); /* NaN when an element is not finite */
    }
    _mm256_storeu_ps(lows, lowest);
    _mm256_storeu_ps(highs, highest);
    *low = lows[0];
    *high = highs[0];
    for (size_t i = 1; i < 8; i++) {
        *low = lows[i] < *low ? lows[i] : *low;
        *high = highs[i] > *high ? highs[i] : *high;
    }
    return _mm256_testz_si256(_mm256_castps_si256(_mm256_cmp_ps(check, check, _CMP_UNORD_Q)),
                              _mm256_set1_epi32(-1));
}

/* Eight floats to eight bytes with saturation. */
AVX2_INLINE __m128i to_bytes(__m256 x, __m256 inverse, __m256i zero)
{
    __m256i q = _mm256_add_epi32(_mm256_cvtps_epi32(_mm256_mul_ps(x, inverse)), zero);
    __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
    return _mm_packus_epi16(words, words);
}

AVX2 void avx2_quantize_rows(size_t rows, size_t n, const float *x, size_t x_stride, uint8_t *out,
                             size_t out_stride, float *scale, int32_t *zero)
{
    for (size_t row = 0; row < rows; row++, x += x_stride, out += out_stride) {
        float low, high;
        bool finite = row_range(n, x, &low, &high);
        float inverse = finite && high > low ? 255.0f / (high - low) : 0.0f;
        size_t i = 0;

        scale[row] = finite ? (high - low) / 255.0f : NAN;
        zero[row] = (int32_t)lrintf(-low * inverse);
        if (inverse == 0.0f) {
            memset(out, 0, round_up(n, INT8_STEP));
            continue;
        }
        __m256 factor = _mm256_set1_ps(inverse);
        __m256i offset = _mm256_set1_epi32(zero[row]);
        for (; i + 8 <= n; i += 8)
            _mm_storel_epi64((__m128i *)(void *)(out + i), to_bytes(_mm256_loadu_ps(x + i), factor, offset));
        if (i < n) {
            uint8_t bytes[8] = {0};
            __m256 y = _mm256_maskload_ps(x + i, avx2_mask(n - i));
            _mm_storel_epi64((__m128i *)(void *)bytes, to_bytes(y, factor, offset));
            memset(bytes + (n - i), 0, 8 - (n - i));
            memcpy(out + i, bytes, round_up(n, INT8_STEP) - i);
        }
    }
}

#endif
