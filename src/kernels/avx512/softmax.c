/* softmax.c: softmax of rows in place for AVX-512. */
#include <math.h>

#include "kernels/avx512/avx512.h"

#if defined(__x86_64__)

AVX512 static float row_maximum(size_t n, const float *x)
{
    const __m512 lowest = _mm512_set1_ps(-INFINITY);
    __m512 highest = lowest;

    for (size_t i = 0; i < n; i += 16)
        highest = _mm512_max_ps(highest, _mm512_mask_loadu_ps(lowest, avx512_mask(n - i), x + i));
    return _mm512_reduce_max_ps(highest);
}

/* x = e^(x - maximum); returns the sum. */
AVX512 static float row_exponentials(size_t n, float *x, float maximum)
{
    __m512 m = _mm512_set1_ps(maximum), sum = _mm512_setzero_ps();

    for (size_t i = 0; i < n; i += 16) {
        __mmask16 mask = avx512_mask(n - i);
        __m512 e = avx512_exp(_mm512_sub_ps(_mm512_maskz_loadu_ps(mask, x + i), m));
        _mm512_mask_storeu_ps(x + i, mask, e);
        sum = _mm512_mask_add_ps(sum, mask, sum, e);
    }
    return _mm512_reduce_add_ps(sum);
}

AVX512 void avx512_softmax(size_t rows, size_t n, const size_t *valid, float *x, size_t stride)
{
    for (size_t row = 0; row < rows; row++, x += stride) {
        size_t count = valid ? valid[row] : n;
        __m512 factor = _mm512_set1_ps(1.0f / row_exponentials(count, x, row_maximum(count, x)));

        for (size_t i = 0; i < count; i += 16) {
            __mmask16 mask = avx512_mask(count - i);
            _mm512_mask_storeu_ps(x + i, mask, _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, x + i), factor));
        }
        for (size_t i = count; i < n; i++)
            x[i] = 0.0f;
    }
}

#endif
