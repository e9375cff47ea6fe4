/* gemm_int8.c: the reference product of bytes, and rows to bytes. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "kernels/scalar/scalar.h"

static int32_t dot(const struct gemm_integers *g, size_t row, size_t column)
{
    const uint8_t *a = g->a_bytes + row * g->a_stride;
    const int8_t *b = g->b_bytes + column / PANEL * g->panel_stride + column % PANEL * 4;
    int32_t sum = 0;

    for (size_t k = 0; k < g->k; k += 4, b += 4 * PANEL)
        for (size_t i = 0; i < 4; i++)
            sum += a[k + i] * b[i];
    return sum;
}

void scalar_finish(const struct gemm_integers *g, size_t row, size_t column, float sum)
{
    float x = sum * (g->a_scale[row] * g->b_scale[column]) + (g->bias ? g->bias[column] : 0.0f);
    size_t place = row * g->c_stride + column;

    x = scalar_activate(x, g->activation);
    g->c[place] = g->residual ? x + g->residual[place] : x;
}

void scalar_gemm_int8(const struct gemm_integers *g)
{
    for (size_t i = 0; i < g->m; i++)
        for (size_t j = 0; j < g->n; j++)
            scalar_finish(g, i, j, (float)(dot(g, i, j) - g->a_zero[i] * g->b_sum[j]));
}

void scalar_quantize_rows(size_t rows, size_t n, const float *x, size_t x_stride, uint8_t *out,
                          size_t out_stride, float *scale, int32_t *zero)
{
    for (size_t row = 0; row < rows; row++, x += x_stride, out += out_stride) {
        float low = 0.0f, high = 0.0f, check = 0.0f;

        for (size_t i = 0; i < n; i++) {
            low = x[i] < low ? x[i] : low;
            high = x[i] > high ? x[i] : high;
            check += x[i] * 0.0f; /* NaN when an element is not finite */
        }
        scale[row] = (high - low) / 255.0f + check;
        float inverse = high > low && check == 0.0f ? 255.0f / (high - low) : 0.0f;
        zero[row] = (int32_t)lrintf(-low * inverse);
        for (size_t i = 0; i < n; i++) {
            int32_t q = inverse > 0.0f ? (int32_t)lrintf(x[i] * inverse) + zero[row] : 0;
            out[i] = (uint8_t)(q < 0 ? 0 : q > 255 ? 255 : q);
        }
        memset(out + n, 0, round_up(n, INTEGER_STEP) - n);
    }
}
