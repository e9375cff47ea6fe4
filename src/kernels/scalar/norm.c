/* norm.c: layer normalisation. */
#include <math.h>

#include "kernels/scalar/scalar.h"

void scalar_layer_norm(size_t rows, size_t n, const float *x, size_t x_stride, const float *gamma,
                       const float *beta, float epsilon, float *out, size_t out_stride)
{
    for (size_t row = 0; row < rows; row++, x += x_stride, out += out_stride) {
        float sum = 0.0f, squares = 0.0f;

        for (size_t i = 0; i < n; i++)
            sum += x[i];
        float mean = sum / (float)n;
        for (size_t i = 0; i < n; i++)
            squares += (x[i] - mean) * (x[i] - mean);
        float scale = 1.0f / sqrtf(squares / (float)n + epsilon);
        for (size_t i = 0; i < n; i++)
            out[i] = (x[i] - mean) * scale * gamma[i] + beta[i];
    }
}
