/* softmax.c: softmax of rows in place for AVX-512. */
#include <math.h>

#include "kernels/avx512/avx512.h"

#if defined(__x86_64__)

#define CHAINS 4 /* independent ones, since each operation waits for the one before in its chain */

AVX512 static float row_maximum(size_t n, const float *x)
{
    const __m512 lowest = _mm512_set1_ps(-INFINITY);
    __m512 highest[CHAINS] = {lowest, lowest, lowest, lowest};
    size_t i = 0;

    for (; i + CHAINS * 16 <= n; i += CHAINS * 16)
        UNROLL512 for (size_t c = 0; c < CHAINS; c++) highest[c] =
            _mm512_max_ps(highest[c], _mm512_loadu_ps(x + i + c * 16));
    for (; i < n; i += 16)
        highest[0] = _mm512_max_ps(highest[0], _mm512_mask_loadu_ps(lowest, avx512_mask(n - i), x + i));
    return _mm512_reduce_max_ps(
        _mm512_max_ps(_mm512_max_ps(highest[0], highest[1]), _mm512_max_ps(highest[2], highest[3])));
}

/* x = e^(x - maximum); returns the sum. */
AVX512 static float row_exponentials(size_t n, float *x, float maximum)
{
    __m512 m = _mm512_set1_ps(maximum), sum[CHAINS];
    size_t i = 0;

    UNROLL512 for (size_t c = 0; c < CHAINS; c++) sum[c] = _mm512_setzero_ps();

    for (; i + CHAINS * 16 <= n; i += CHAINS * 16)
        UNROLL512 for (size_t c = 0; c < CHAINS; c++)
        {
            __m512 e = avx512_exp(_mm512_sub_ps(_mm512_loadu_ps(x + i + c * 16), m));
            _mm512_storeu_ps(x + i + c * 16, e);
            sum[c] = _mm512_add_ps(sum[c], e);
        }
    for (; i < n; i += 16) {
        __mmask16 mask = avx512_mask(n - i);
        __m512 e = avx512_exp(_mm512_sub_ps(_mm512_maskz_loadu_ps(mask, x + i), m));
        _mm512_mask_storeu_ps(x + i, mask, e);
        sum[0] = _mm512_mask_add_ps(sum[0], mask, sum[0], e);
    }
    return _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(sum[0], sum[1]), _mm512_add_ps(sum[2], sum[3])));
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
