/* softmax.c: softmax of rows in place. */
#include <math.h>

#include "kernels/scalar/scalar.h"

void scalar_softmax(size_t rows, size_t n, const size_t *valid, float *x, size_t stride)
{
    for (size_t row = 0; row < rows; row++, x += stride) {
        size_t count = valid ? valid[row] : n;
        float maximum = -INFINITY, sum = 0.0f;

        for (size_t i = 0; i < count; i++)
            maximum = x[i] > maximum ? x[i] : maximum;
        for (size_t i = 0; i < count; i++) {
            x[i] = expf(x[i] - maximum);
            sum += x[i];
        }
        for (size_t i = 0; i < count; i++)
            x[i] /= sum;
        for (size_t i = count; i < n; i++)
            x[i] = 0.0f;
    }
}
