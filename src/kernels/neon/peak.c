/* peak.c: how fast this machine multiplies and adds with NEON. */
#include "kernels/neon/neon.h"

#if defined(__aarch64__)

#define CHAINS 16

double neon_peak(size_t iterations, float *sink)
{
    float32x4_t x[CHAINS], factor = vdupq_n_f32(0.999999f), step = vdupq_n_f32(1e-6f),
                           sum = vdupq_n_f32(0.0f);

    UNROLL for (size_t i = 0; i < CHAINS; i++) x[i] = vdupq_n_f32((float)i);
    for (size_t n = 0; n < iterations; n++) {
        UNROLL for (size_t i = 0; i < CHAINS; i++) x[i] = vfmaq_f32(step, x[i], factor);
    }
    UNROLL for (size_t i = 0; i < CHAINS; i++) sum = vaddq_f32(sum, x[i]);
    *sink = vaddvq_f32(sum);
    return 2.0 * 4.0 * CHAINS * (double)iterations;
}

#endif
