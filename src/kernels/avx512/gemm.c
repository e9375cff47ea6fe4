/* gemm.c: the matrix product for AVX-512: tiles of 12 rows by two adjacent panels, 24 accumulators.
 *
 * The same plan as the AVX2 kernel: rows of A where they lie, K in blocks, partial sums in C between blocks.
 * A last panel without a neighbour is computed alone. */
#include "kernels/avx512/avx512.h"

#if defined(__x86_64__)

#define TILE_ROWS 12
#define K_BLOCK 256

/* The place of a tile in the product. */
struct tile {
    size_t row, column; /* its corner in C */
    size_t k, k_count;  /* its part of K */
    size_t width;       /* columns that exist, 1..2 * PANEL */
};

/* What the products of this part of K are added to: bias and residual in the first part, what is there in
 * later ones. They are added at the end, since a sum of small products on top of a large residual would lose
 * its last bits each time. */
AVX512_INLINE __m512 base(const struct gemm *g, const struct tile *t, const float *c, size_t row,
                          size_t panel)
{
    size_t offset = panel * PANEL;
    __mmask16 mask = avx512_mask(t->width > offset ? t->width - offset : 0);
    __m512 sum;

    if (t->k)
        return _mm512_maskz_loadu_ps(mask, c + row * g->c_stride + offset);
    sum = g->bias ? _mm512_maskz_loadu_ps(mask, g->bias + t->column + offset) : _mm512_setzero_ps();
    if (g->residual) {
        const float *residual = g->residual + (t->row + row) * g->c_stride + t->column + offset;
        sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, residual));
    }
    return sum;
}

AVX512_INLINE void finish(const struct gemm *g, const struct tile *t, float *c, size_t row, size_t panel,
                          __m512 sum)
{
    size_t offset = panel * PANEL;

    if (t->k + t->k_count == g->k)
        sum = avx512_activate(sum, g->activation);
    _mm512_mask_storeu_ps(c + row * g->c_stride + offset, avx512_mask(t->width - offset), sum);
}

/* rows and panels are constants at every call, so that the accumulators become registers. */
AVX512_INLINE void compute_tile(const struct gemm *g, const struct tile *t, const size_t rows,
                                const size_t panels)
{
    __m512 sum[TILE_ROWS][2];
    const float *b = g->b + t->column / PANEL * g->panel_stride + t->k * PANEL;
    const float *next = b + (panels > 1 ? g->panel_stride : 0);
    const float *a = g->a + t->row * g->a_stride + t->k;
    float *c = g->c + t->row * g->c_stride + t->column;
    size_t stride = g->a_stride;

    UNROLL512 for (size_t r = 0; r < rows; r++)
    {
        sum[r][0] = _mm512_setzero_ps();
        if (panels > 1)
            sum[r][1] = _mm512_setzero_ps();
    }
    for (size_t k = 0; k < t->k_count; k++, b += PANEL, next += PANEL, a++) {
        __m512 b0 = _mm512_load_ps(b), b1 = panels > 1 ? _mm512_load_ps(next) : b0;
        UNROLL512 for (size_t r = 0; r < rows; r++)
        {
            __m512 x = _mm512_set1_ps(a[r * stride]);
            sum[r][0] = _mm512_fmadd_ps(x, b0, sum[r][0]);
            if (panels > 1)
                sum[r][1] = _mm512_fmadd_ps(x, b1, sum[r][1]);
        }
    }
    UNROLL512 for (size_t r = 0; r < rows; r++)
    {
        finish(g, t, c, r, 0, _mm512_add_ps(sum[r][0], base(g, t, c, r, 0)));
        if (panels > 1)
            finish(g, t, c, r, 1, _mm512_add_ps(sum[r][1], base(g, t, c, r, 1)));
    }
}

/* All rows of one or two panels: whole tiles, then what is left in steps of 6, 3 and 1. */
AVX512_INLINE void compute_column(const struct gemm *g, struct tile *t, const size_t panels)
{
    for (t->row = 0; t->row + TILE_ROWS <= g->m; t->row += TILE_ROWS)
        compute_tile(g, t, TILE_ROWS, panels);
    if (t->row + 6 <= g->m) {
        compute_tile(g, t, 6, panels);
        t->row += 6;
    }
    if (t->row + 3 <= g->m) {
        compute_tile(g, t, 3, panels);
        t->row += 3;
    }
    for (; t->row < g->m; t->row++)
        compute_tile(g, t, 1, panels);
}

AVX512 void avx512_gemm(const struct gemm *g)
{
    struct tile t = {0};

    for (t.k = 0; t.k < g->k; t.k += t.k_count) {
        t.k_count = g->k - t.k < K_BLOCK + K_BLOCK / 2 ? g->k - t.k : K_BLOCK;
        for (t.column = 0; t.column < g->n; t.column += 2 * PANEL) {
            t.width = g->n - t.column < 2 * PANEL ? g->n - t.column : 2 * PANEL;
            if (t.width > PANEL)
                compute_column(g, &t, 2);
            else
                compute_column(g, &t, 1);
        }
    }
}

#endif
