/* softmax.c: softmax of rows in place for AVX2. */
#include <math.h>

#include "kernels/avx2/avx2.h"

#if defined(__x86_64__)

AVX2 static float row_maximum(size_t n, const float *x)
{
    __m256 highest = _mm256_set1_ps(-INFINITY);
    float result, lanes[8];
    size_t i = 0;

    for (; i + 8 <= n; i += 8)
        highest = _mm256_max_ps(highest, _mm256_loadu_ps(x + i));
    _mm256_storeu_ps(lanes, highest);
    result = lanes[0];
    for (size_t j = 1; j < 8; j++)
        result = lanes[j] > result ? lanes[j] : result;
    for (; i < n; i++)
        result = x[i] > result ? x[i] : result;
    return result;
}

/* x = e^(x - maximum); returns the sum. */
AVX2 static float row_exponentials(size_t n, float *x, float maximum)
{
    __m256 m = _mm256_set1_ps(maximum), sum = _mm256_setzero_ps();
    size_t i = 0;

    for (; i + 8 <= n; i += 8) {
        __m256 e = avx2_exp(_mm256_sub_ps(_mm256_loadu_ps(x + i), m));
        _mm256_storeu_ps(x + i, e);
        sum = _mm256_add_ps(sum, e);
    }
    if (i < n) {
        __m256i mask = avx2_mask(n - i);
        __m256 e = avx2_exp(_mm256_sub_ps(_mm256_maskload_ps(x + i, mask), m));
        _mm256_maskstore_ps(x + i, mask, e);
        sum = _mm256_add_ps(sum, _mm256_and_ps(e, _mm256_castsi256_ps(mask)));
    }
    return avx2_sum(sum);
}

AVX2 void avx2_softmax(size_t rows, size_t n, const size_t *valid, float *x, size_t stride)
{
    for (size_t row = 0; row < rows; row++, x += stride) {
        size_t count = valid ? valid[row] : n, i = 0;
        __m256 factor = _mm256_set1_ps(1.0f / row_exponentials(count, x, row_maximum(count, x)));

        for (; i + 8 <= count; i += 8)
            _mm256_storeu_ps(x + i, _mm256_mul_ps(_mm256_loadu_ps(x + i), factor));
        for (; i < count; i++)
            x[i] *= _mm256_cvtss_f32(factor);
        for (; i < n; i++)
            x[i] = 0.0f;
    }
}

#endif
