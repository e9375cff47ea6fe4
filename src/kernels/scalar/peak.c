/* peak.c: how fast this machine multiplies and adds without vectors. */
#include "kernels/scalar/scalar.h"

#define CHAINS 8

double scalar_peak(size_t iterations, float *sink)
{
    float x[CHAINS], sum = 0.0f;
    volatile float start = 1.0f, factor = 0.999999f;
    float f = factor;

    for (size_t i = 0; i < CHAINS; i++)
        x[i] = start + (float)i;
    for (size_t n = 0; n < iterations; n++)
        for (size_t i = 0; i < CHAINS; i++)
            x[i] = x[i] * f + 1e-6f;
    for (size_t i = 0; i < CHAINS; i++)
        sum += x[i];
    *sink = sum;
    return 2.0 * CHAINS * (double)iterations;
}
