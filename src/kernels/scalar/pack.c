/* pack.c: operands of the matrix product into panels. */
#include <string.h>

#include "kernels/scalar/scalar.h"

void scalar_pack_rows(size_t rows, size_t columns, const float *x, size_t stride, float *out)
{
    for (size_t first = 0; first < rows; first += PANEL, out += columns * PANEL) {
        size_t count = rows - first < PANEL ? rows - first : PANEL;

        if (count < PANEL)
            memset(out, 0, columns * PANEL * sizeof *out);
        for (size_t i = 0; i < count; i++)
            for (size_t j = 0; j < columns; j++)
                out[j * PANEL + i] = x[(first + i) * stride + j];
    }
}

void scalar_pack_columns(size_t rows, size_t columns, const float *x, size_t stride, float *out)
{
    for (size_t first = 0; first < columns; first += PANEL, out += rows * PANEL) {
        size_t count = columns - first < PANEL ? columns - first : PANEL;

        for (size_t j = 0; j < rows; j++) {
            memcpy(out + j * PANEL, x + j * stride + first, count * sizeof *out);
            memset(out + j * PANEL + count, 0, (PANEL - count) * sizeof *out);
        }
    }
}
