/* quantize.c: rows of floats to bytes for AVX2. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "kernels/avx2/avx2.h"

#if defined(__x86_64__)

#define CHAINS 4 /* neighbours do not wait for each other's minimum */

struct range {
    __m256 low, high, check; /* check is NaN when an element was not finite */
};

AVX2_INLINE void widen(struct range *range, __m256 x)
{
    range->low = _mm256_min_ps(range->low, x);
    range->high = _mm256_max_ps(range->high, x);
    range->check = _mm256_fmadd_ps(x, _mm256_setzero_ps(), range->check);
}

AVX2 bool avx2_row_range(size_t n, const float *x, float *low, float *high)
{
    struct range range[CHAINS];
    float lows[8], highs[8];
    size_t i = 0;

    UNROLL for (size_t c = 0; c < CHAINS; c++) range[c].low = range[c].high = range[c].check =
        _mm256_setzero_ps();
    for (; i + CHAINS * 8 <= n; i += CHAINS * 8)
        UNROLL for (size_t c = 0; c < CHAINS; c++) widen(&range[c], _mm256_loadu_ps(x + i + c * 8));
    for (; i < n; i += 8)
        widen(&range[0], _mm256_maskload_ps(x + i, avx2_mask(n - i < 8 ? n - i : 8)));
    UNROLL for (size_t c = 1; c < CHAINS; c++)
    {
        range[0].low = _mm256_min_ps(range[0].low, range[c].low);
        range[0].high = _mm256_max_ps(range[0].high, range[c].high);
        range[0].check = _mm256_add_ps(range[0].check, range[c].check);
    }
    _mm256_storeu_ps(lows, range[0].low);
    _mm256_storeu_ps(highs, range[0].high);
    *low = lows[0];
    *high = highs[0];
    for (i = 1; i < 8; i++) {
        *low = lows[i] < *low ? lows[i] : *low;
        *high = highs[i] > *high ? highs[i] : *high;
    }
    __m256 unordered = _mm256_cmp_ps(range[0].check, range[0].check, _CMP_UNORD_Q);
    return _mm256_testz_si256(_mm256_castps_si256(unordered), _mm256_set1_epi32(-1));
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
        bool finite = avx2_row_range(n, x, &low, &high);
        float inverse = finite && high > low ? 255.0f / (high - low) : 0.0f;
        size_t i = 0;

        scale[row] = finite ? (high - low) / 255.0f : NAN;
        zero[row] = (int32_t)lrintf(-low * inverse);
        if (inverse == 0.0f) {
            memset(out, 0, round_up(n, INTEGER_STEP));
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
            memcpy(out + i, bytes, round_up(n, INTEGER_STEP) - i);
        }
    }
}

#endif
