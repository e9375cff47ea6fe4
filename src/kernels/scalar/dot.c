/* dot.c: products of rows of bytes. */
#include "kernels/scalar/scalar.h"

void scalar_dot_bytes(size_t rows, size_t n, const int8_t *x, size_t x_stride, const int8_t *y, int32_t *out)
{
    for (size_t row = 0; row < rows; row++, x += x_stride) {
        int32_t sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += x[i] * y[i];
        out[row] = sum;
    }
}
