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

/* The largest magnitude of a row; NaN: something is not finite. */
AVX2 static float row_magnitude(size_t n, const float *x)
{
    const __m256 sign = _mm256_set1_ps(-0.0f), zero = _mm256_setzero_ps();
    __m256 largest = zero, check = zero;
    float lanes[8], most = 0.0f;

    for (size_t i = 0; i < n; i += 8) {
        __m256 y = load(x + i, n - i);
        largest = _mm256_max_ps(largest, _mm256_andnot_ps(sign, y));
        check = _mm256_fmadd_ps(y, zero, check); /* NaN when an element is not finite */
    }
    _mm256_storeu_ps(lanes, largest);
    for (size_t i = 0; i < 8; i++)
        most = lanes[i] > most ? lanes[i] : most;
    return most + avx2_sum(check);
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
        float largest = row_magnitude(n, x), inverse = int16_inverse(largest);
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
