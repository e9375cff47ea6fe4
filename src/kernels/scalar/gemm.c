/* gemm.c: the reference matrix product: one panel at a time, plain loops. */
#include <math.h>

#include "kernels/scalar/scalar.h"

float scalar_activate(float x, enum gemm_activation activation)
{
    switch (activation) {
    case GEMM_RELU:
        return x < 0.0f ? 0.0f : x;
    case GEMM_QUICK_GELU: /* x * sigmoid(1.702 x), CLIP's approximation */
        return x / (1.0f + expf(-1.702f * x));
    case GEMM_GELU:
        return 0.5f * x * (1.0f + erff(x * 0.70710678f));
    default:
        return x;
    }
}

/* One row against one panel. */
static void row_by_panel(const struct gemm *g, size_t row, size_t panel)
{
    const float *a = g->a + row * g->a_stride;
    const float *b = g->b + panel * g->panel_stride;
    size_t first = panel * PANEL;
    size_t width = g->n - first < PANEL ? g->n - first : PANEL;
    float *c = g->c + row * g->c_stride + first;
    float sum[PANEL] = {0};

    for (size_t k = 0; k < g->k; k++)
        for (size_t j = 0; j < PANEL; j++)
            sum[j] += a[k] * b[k * PANEL + j];
    for (size_t j = 0; j < width; j++) {
        float x = scalar_activate(sum[j] + (g->bias ? g->bias[first + j] : 0.0f), g->activation);
        c[j] = g->residual ? x + g->residual[row * g->c_stride + first + j] : x;
    }
}

void scalar_gemm(const struct gemm *g)
{
    size_t panels = (g->n + PANEL - 1) / PANEL;

    for (size_t panel = 0; panel < panels; panel++)
        for (size_t row = 0; row < g->m; row++)
            row_by_panel(g, row, panel);
}
