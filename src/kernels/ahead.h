/* ahead.h: what a product of floats reads next, so that a kernel can have it fetched while it computes. */
#ifndef KERNELS_AHEAD_H
#define KERNELS_AHEAD_H

#include "base/checked.h"
#include "kernels/kernels.h"

/* The panels that come after those before `column`, when k .. k + k_count are computed: beside them, at the
 * first column of the next part of K, or where the columns after these begin, which may be another product's:
 * need not exist. */
static inline const float *panels_ahead(const struct gemm *g, size_t column, size_t k, size_t k_count)
{
    if (column >= g->n) {
        column = 0;
        k += k_count;
    }
    if (k >= g->k) {
        column = round_up(g->n, PANEL);
        k = 0;
    }
    return (const float *)((uintptr_t)g->b + (column / PANEL * g->panel_stride + k * PANEL) * sizeof(float));
}

#endif
