/* gemm.c: the matrix product for AVX-512: tiles of 12 rows by two adjacent panels, 24 accumulators.
 *
 * The same plan as the AVX2 kernel: rows of A where they lie, K in blocks, partial sums in C between blocks.
 * A last panel without a neighbour is computed alone.
 *
 * The next tile's rows of A and the next column's panels are fetched while a tile is computed. Without that
 * the first tile of a column waits for memory: on an Emerald Rapids Xeon 84 % of the peak became 90 %. */
#include "kernels/ahead.h"
#include "kernels/avx512/avx512.h"

#if defined(__x86_64__)

#define TILE_ROWS 12
#define K_BLOCK 256

/* The place of a tile in the product. */
struct tile {
    size_t row, column; /* its corner in C */
    size_t k, k_count;  /* its part of K */
    size_t width;       /* columns that exist, 1..2 * PANEL */
    const float *ahead; /* the two panels that come after this column's; need not exist */
};

typedef float tile_sums[TILE_ROWS][2 * PANEL];

/* What the products of this part of K are added to: bias and residual in the first part, what is there in
 * later ones. They are added at the end, since a sum of small products on top of a large residual would lose
 * its last bits each time. */
AVX512_INLINE __m512 base(const struct gemm *g, const struct tile *t, size_t row, size_t column,
                          __mmask16 mask)
{
    size_t place = row * g->c_stride + column;

    if (t->k)
        return _mm512_maskz_loadu_ps(mask, g->c + place);
    __m512 sum = g->bias ? _mm512_maskz_loadu_ps(mask, g->bias + column) : _mm512_setzero_ps();
    return g->residual ? _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, g->residual + place)) : sum;
}

/* Are the tile's sums all there is to it? So it is with attention's scores, where a tile is short. */
AVX512_INLINE bool is_bare(const struct gemm *g, const struct tile *t)
{
    return !t->k && t->k_count == g->k && t->width == 2 * PANEL && !g->bias && !g->residual &&
           g->activation == GEMM_NONE;
}

/* The tile's sums to C. */
AVX512 static void finish(const struct gemm *g, const struct tile *t, size_t rows, tile_sums sums)
{
    enum gemm_activation activation = t->k + t->k_count == g->k ? g->activation : GEMM_NONE;

    for (size_t column = 0; column < t->width; column += PANEL) {
        __mmask16 mask = avx512_mask(t->width - column);
        for (size_t row = 0; row < rows; row++) {
            __m512 x = _mm512_load_ps(&sums[row][column]);
            x = _mm512_add_ps(x, base(g, t, t->row + row, t->column + column, mask));
            _mm512_mask_storeu_ps(g->c + (t->row + row) * g->c_stride + t->column + column, mask,
                                  avx512_activate(x, activation));
        }
    }
}

#define STEP 4 /* of k between fetches */

/* Into the second-level cache what comes next: of the next tile's rows three in a step, so that sixteen k
 * have a line of each; of the panels ahead a line of either, which is all of them in a column of four tiles.
 * Fetching from where nothing is does no harm. */
AVX512_INLINE void fetch(const struct gemm *g, const struct tile *t, const float *a, const size_t rows,
                         size_t k)
{
    uintptr_t row = (uintptr_t)a, stride = g->a_stride * sizeof(float);
    uintptr_t line = (uintptr_t)t->ahead + (t->row / TILE_ROWS * t->k_count + k) / STEP * 64;

    row += k * sizeof(float) + (rows + k / STEP % 4 * 3) * stride;
    __builtin_prefetch((const void *)row, 0, 2);
    __builtin_prefetch((const void *)(row + stride), 0, 2);
    __builtin_prefetch((const void *)(row + 2 * stride), 0, 2);
    __builtin_prefetch((const void *)line, 0, 2);
    __builtin_prefetch((const void *)(line + g->panel_stride * sizeof(float)), 0, 2);
}

/* Column k of the tile's rows by row k of the panels. Every third row has a pointer of its own: the others
 * are one or two strides from it, which an address can hold. */
AVX512_INLINE void multiply(__m512 sum[TILE_ROWS][2], const float *const a[TILE_ROWS / 3], size_t stride,
                            size_t k, const float *b, const float *next, const size_t rows,
                            const size_t panels)
{
    __m512 b0 = _mm512_load_ps(b + k * PANEL), b1 = panels > 1 ? _mm512_load_ps(next + k * PANEL) : b0;

    UNROLL512 for (size_t r = 0; r < rows; r++)
    {
        __m512 x = _mm512_set1_ps(a[r / 3][r % 3 * stride + k]);
        sum[r][0] = _mm512_fmadd_ps(x, b0, sum[r][0]);
        if (panels > 1)
            sum[r][1] = _mm512_fmadd_ps(x, b1, sum[r][1]);
    }
}

/* rows and panels are constants at every call, so that the accumulators become registers. */
AVX512_INLINE void compute_tile(const struct gemm *g, const struct tile *t, const size_t rows,
                                const size_t panels)
{
    _Alignas(64) tile_sums sums;
    __m512 sum[TILE_ROWS][2];
    const float *b = g->b + t->column / PANEL * g->panel_stride + t->k * PANEL;
    const float *next = b + (panels > 1 ? g->panel_stride : 0);
    const float *first = g->a + t->row * g->a_stride + t->k, *a[TILE_ROWS / 3];
    size_t stride = g->a_stride, k = 0;

    UNROLL512 for (size_t i = 0; i < TILE_ROWS / 3; i++) a[i] = first + 3 * i * stride;
    UNROLL512 for (size_t r = 0; r < rows; r++)
    {
        sum[r][0] = _mm512_setzero_ps();
        if (panels > 1)
            sum[r][1] = _mm512_setzero_ps();
    }
    for (; k + STEP <= t->k_count; k += STEP) {
        fetch(g, t, first, rows, k);
        UNROLL512 for (size_t i = 0; i < STEP; i++) multiply(sum, a, stride, i, b, next, rows, panels);
        b += STEP * PANEL;
        next += STEP * PANEL;
        UNROLL512 for (size_t i = 0; i < TILE_ROWS / 3; i++) a[i] += STEP;
    }
    for (size_t i = 0; k + i < t->k_count; i++)
        multiply(sum, a, stride, i, b, next, rows, panels);
    if (panels > 1 && is_bare(g, t)) {
        float *c = g->c + t->row * g->c_stride + t->column;
        UNROLL512 for (size_t r = 0; r < rows; r++, c += g->c_stride)
        {
            _mm512_storeu_ps(c, sum[r][0]);
            _mm512_storeu_ps(c + PANEL, sum[r][1]);
        }
        return;
    }
    UNROLL512 for (size_t r = 0; r < rows; r++)
    {
        _mm512_store_ps(sums[r], sum[r][0]);
        if (panels > 1)
            _mm512_store_ps(sums[r] + PANEL, sum[r][1]);
    }
    finish(g, t, rows, sums);
}

/* All rows of one or two panels. */
AVX512_INLINE void compute_column(const struct gemm *g, struct tile *t, const size_t panels)
{
    for (t->row = 0; t->row + TILE_ROWS <= g->m; t->row += TILE_ROWS)
        compute_tile(g, t, TILE_ROWS, panels);
#define TILE(rows) compute_tile(g, t, rows, panels)
    AVX512_TAIL(g->m - t->row, TILE)
#undef TILE
}

AVX512 void avx512_gemm(const struct gemm *g)
{
    struct tile t = {0};

    for (t.k = 0; t.k < g->k; t.k += t.k_count) {
        t.k_count = g->k - t.k < K_BLOCK + K_BLOCK / 2 ? g->k - t.k : K_BLOCK;
        for (t.column = 0; t.column < g->n; t.column += 2 * PANEL) {
            t.width = g->n - t.column < 2 * PANEL ? g->n - t.column : 2 * PANEL;
            t.ahead = panels_ahead(g, t.column + 2 * PANEL, t.k, t.k_count);
            if (t.width > PANEL)
                compute_column(g, &t, 2);
            else
                compute_column(g, &t, 1);
        }
    }
}

#endif
