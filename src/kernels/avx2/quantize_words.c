/* quantize_words.c: rows of floats to words for AVX2. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "kernels/avx2/avx2.h"
#include "kernels/int16.h"

#if defined(__x86_64__)

AVX2_INLINE __m256 load(const float *x, size_t count)
{
    return count >= 8 ? _mm256_loadu_ps(x) : _mm256_maskload_ps(x, avx2_mask(count));
}

/* Eight floats to eight words. */
AVX2_INLINE __m128i to_words(__m256 x, __m256 inverse)
{
    __m256i q = _mm256_cvtps_epi32(_mm256_mul_ps(x, inverse));
    return _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
}

AVX2 void avx2_quantize_words(size_t rows, size_t n, const float *x, size_t x_stride, int16_t *out,
                              size_t out_stride, float *scale)
{
    for (size_t row = 0; row < rows; row++, x += x_stride, out += out_stride) {
        float low, high;
        bool finite = avx2_row_range(n, x, &low, &high);
        float largest = !finite ? NAN : -low > high ? -low : high, inverse = int16_inverse(largest);
        __m256 factor = _mm256_set1_ps(inverse);

        scale[row] = largest / WORDS_MOST_ACTIVATION;
        if (inverse == 0.0f) {
            memset(out, 0, round_up(n, INTEGER_STEP) * sizeof *out);
            continue;
        }
        for (size_t i = 0; i < n; i += 8) /* lanes behind the row are loaded as 0 */
            _mm_storeu_si128((__m128i *)(void *)(out + i), to_words(load(x + i, n - i), factor));
    }
}

#endif
