/* peak.c: how fast this machine multiplies and adds with AVX-512. */
#include "kernels/avx512/avx512.h"

#if defined(__x86_64__)

#define CHAINS 16

AVX512 double avx512_peak(size_t iterations, float *sink)
{
    __m512 x[CHAINS], factor = _mm512_set1_ps(0.999999f), step = _mm512_set1_ps(1e-6f);
    __m512 sum = _mm512_setzero_ps();

    UNROLL512 for (size_t i = 0; i < CHAINS; i++) x[i] = _mm512_set1_ps((float)i);
    for (size_t n = 0; n < iterations; n++) {
        UNROLL512 for (size_t i = 0; i < CHAINS; i++) x[i] = _mm512_fmadd_ps(x[i], factor, step);
    }
    UNROLL512 for (size_t i = 0; i < CHAINS; i++) sum = _mm512_add_ps(sum, x[i]);
    *sink = _mm512_reduce_add_ps(sum);
    return 2.0 * 16.0 * CHAINS * (double)iterations;
}

#endif
