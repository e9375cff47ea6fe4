/* film.c: feature-wise linear modulation, how a prompt enters the decoder. */
#include "nn/nn.h"

void film_apply(size_t rows, size_t size, const float *multiply, const float *add, const float *x, float *out,
                size_t stride)
{
    for (size_t row = 0; row < rows; row++, x += stride, out += stride)
        for (size_t i = 0; i < size; i++)
            out[i] = multiply[i] * x[i] + add[i];
}
