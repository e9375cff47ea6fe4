/* pixels.c: the enlargement of logits and the normalisation of pixels for AVX2. */
#include <math.h>

#include "kernels/avx2/avx2.h"

#if defined(__x86_64__)

/* (1 - w) * row[i] + w * row[i + 1] */
AVX2_INLINE __m256 interpolate(const float *row, __m256i i, __m256 w)
{
    __m256 left = _mm256_i32gather_ps(row, i, 4), right = _mm256_i32gather_ps(row + 1, i, 4);
    __m256 rest = _mm256_sub_ps(_mm256_set1_ps(1.0f), w);
    return _mm256_add_ps(_mm256_mul_ps(rest, left), _mm256_mul_ps(w, right));
}

AVX2 void avx2_enlarge_row(size_t width, const float *top, const float *bottom, float weight_bottom,
                           const int32_t *left, const float *weight, float *out)
{
    __m256 below = _mm256_set1_ps(weight_bottom), above = _mm256_set1_ps(1.0f - weight_bottom);

    for (size_t x = 0; x < width; x += 8) {
        size_t count = width - x < 8 ? width - x : 8;
        __m256i mask = avx2_mask(count);
        __m256i i = _mm256_maskload_epi32(left + x, mask); /* lanes that do not exist read column 0 */
        __m256 w = _mm256_maskload_ps(weight + x, mask);
        __m256 logit = _mm256_add_ps(_mm256_mul_ps(above, interpolate(top, i, w)),
                                     _mm256_mul_ps(below, interpolate(bottom, i, w)));
        __m256 y = avx2_sigmoid(logit);
        if (count == 8)
            _mm256_storeu_ps(out + x, y);
        else
            _mm256_maskstore_ps(out + x, mask, y);
    }
}

AVX2 void avx2_normalize_row(size_t width, const uint8_t *rgb, const float scale[3], const float offset[3],
                             float *red, float *green, float *blue)
{
    float *const planes[3] = {red, green, blue};

    for (size_t c = 0; c < 3; c++)
        for (size_t x = 0; x < width; x++)
            planes[c][x] = (float)rgb[3 * x + c] * scale[c] + offset[c];
}

#endif
