/* gemm_int16.c: the reference product of words, and rows to words. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "kernels/int16.h"
#include "kernels/scalar/scalar.h"

/* Over one block of k. Weights of a file that breaks their bound wrap around, as they do on every tier. */
static int32_t dot(const int16_t *a, const int16_t *b, size_t k)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < k; i += 2, b += 2 * PANEL)
        sum += (uint32_t)(a[i] * b[0]) + (uint32_t)(a[i + 1] * b[1]);
    return (int32_t)sum;
}

void scalar_gemm_int16(const struct gemm_integers *g)
{
    for (size_t i = 0; i < g->m; i++)
        for (size_t j = 0; j < g->n; j++) {
            const int16_t *a = g->a_words + i * g->a_stride;
            const int16_t *b = g->b_words + j / PANEL * g->panel_stride + j % PANEL * 2;
            float sum = 0.0f;
            for (size_t k = 0; k < g->k; k += WORDS_BLOCK)
                sum += (float)dot(a + k, b + k * PANEL, size_min(WORDS_BLOCK, g->k - k));
            scalar_finish(g, i, j, sum);
        }
}

void scalar_quantize_words(size_t rows, size_t n, const float *x, size_t x_stride, int16_t *out,
                           size_t out_stride, float *scale)
{
    for (size_t row = 0; row < rows; row++, x += x_stride, out += out_stride) {
        float largest = 0.0f, check = 0.0f;

        for (size_t i = 0; i < n; i++) {
            float magnitude = fabsf(x[i]);
            largest = magnitude > largest ? magnitude : largest;
            check += x[i] * 0.0f; /* NaN when an element is not finite */
        }
        float inverse = check == 0.0f ? int16_inverse(largest) : 0.0f;
        scale[row] = largest / WORDS_MOST_ACTIVATION + check;
        for (size_t i = 0; i < n; i++)
            out[i] = (int16_t)(inverse > 0.0f ? lrintf(x[i] * inverse) : 0);
        memset(out + n, 0, (round_up(n, INTEGER_STEP) - n) * sizeof *out);
    }
}
