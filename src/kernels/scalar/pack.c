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
    for (size_t j = 0; j < rows; j++, x += stride, out += PANEL) {
        float *place = out;
        size_t first = 0;

        for (; first + PANEL <= columns; first += PANEL, place += rows * PANEL)
            memcpy(place, x + first, PANEL * sizeof *out);
        if (first == columns)
            continue;
        memcpy(place, x + first, (columns - first) * sizeof *out);
        memset(place + columns - first, 0, (first + PANEL - columns) * sizeof *out);
    }
}
