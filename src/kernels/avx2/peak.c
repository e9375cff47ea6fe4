/* peak.c: how fast this machine multiplies and adds with AVX2 and FMA. */
#include "kernels/avx2/avx2.h"

#if defined(__x86_64__)

#define CHAINS 12

AVX2 double avx2_peak(size_t iterations, float *sink)
{
    __m256 x[CHAINS], factor = _mm256_set1_ps(0.999999f), step = _mm256_set1_ps(1e-6f);
    __m256 sum = _mm256_setzero_ps();

    UNROLL for (size_t i = 0; i < CHAINS; i++) x[i] = _mm256_set1_ps((float)i);
    for (size_t n = 0; n < iterations; n++) {
        UNROLL for (size_t i = 0; i < CHAINS; i++) x[i] = _mm256_fmadd_ps(x[i], factor, step);
    }
    UNROLL for (size_t i = 0; i < CHAINS; i++) sum = _mm256_add_ps(sum, x[i]);
    *sink = avx2_sum(sum);
    return 2.0 * 8.0 * CHAINS * (double)iterations;
}

#endif
