/* norm.c: layer normalisation for AVX2. */
#include <math.h>

#include "kernels/avx2/avx2.h"

#if defined(__x86_64__)

AVX2_INLINE __m256 load(const float *x, size_t i, size_t n)
{
    return n - i >= 8 ? _mm256_loadu_ps(x + i) : _mm256_maskload_ps(x + i, avx2_mask(n - i));
}

AVX2 static float row_mean(size_t n, const float *x)
{
    __m256 sum[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    size_t i = 0;

    for (; i + 16 <= n; i += 16) {
        sum[0] = _mm256_add_ps(sum[0], _mm256_loadu_ps(x + i));
        sum[1] = _mm256_add_ps(sum[1], _mm256_loadu_ps(x + i + 8));
    }
    for (; i < n; i += 8)
        sum[0] = _mm256_add_ps(sum[0], load(x, i, n));
    return avx2_sum(_mm256_add_ps(sum[0], sum[1])) / (float)n;
}

AVX2 static float row_variance(size_t n, const float *x, float mean)
{
    __m256 m = _mm256_set1_ps(mean), sum[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    size_t i = 0;

    for (; i + 16 <= n; i += 16) {
        __m256 d0 = _mm256_sub_ps(_mm256_loadu_ps(x + i), m),
               d1 = _mm256_sub_ps(_mm256_loadu_ps(x + i + 8), m);
        sum[0] = _mm256_fmadd_ps(d0, d0, sum[0]);
        sum[1] = _mm256_fmadd_ps(d1, d1, sum[1]);
    }
    for (; i < n; i += 8) {
        __m256 d = _mm256_sub_ps(load(x, i, n), m);
        if (n - i < 8)
            d = _mm256_and_ps(d, _mm256_castsi256_ps(avx2_mask(n - i)));
        sum[0] = _mm256_fmadd_ps(d, d, sum[0]);
    }
    return avx2_sum(_mm256_add_ps(sum[0], sum[1])) / (float)n;
}

AVX2 void avx2_layer_norm(size_t rows, size_t n, const float *x, size_t x_stride, const float *gamma,
                          const float *beta, float epsilon, float *out, size_t out_stride)
{
    for (size_t row = 0; row < rows; row++, x += x_stride, out += out_stride) {
        float mean = row_mean(n, x);
        __m256 m = _mm256_set1_ps(mean);
        __m256 scale = _mm256_set1_ps(1.0f / sqrtf(row_variance(n, x, mean) + epsilon));

        for (size_t i = 0; i < n; i += 8) {
            __m256 y = _mm256_mul_ps(_mm256_sub_ps(load(x, i, n), m), scale);
            y = _mm256_fmadd_ps(y, load(gamma, i, n), load(beta, i, n));
            if (n - i >= 8)
                _mm256_storeu_ps(out + i, y);
            else
                _mm256_maskstore_ps(out + i, avx2_mask(n - i), y);
        }
    }
}

#endif
