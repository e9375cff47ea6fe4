/* gemm.c: the matrix product for AVX2: tiles of 6 rows by one panel, 12 accumulators.
 *
 * A tile reads its six rows of A where they lie, broadcasting one element each, and two registers of B for
 * every k. K is cut into blocks so that a block of a panel (16 KB) stays in the first-level cache while the
 * tiles run down the rows. Between blocks the partial sums wait in C. */
#include "kernels/ahead.h"
#include "kernels/avx2/avx2.h"

#if defined(__x86_64__)

#define TILE_ROWS 6
#define K_BLOCK 256

/* The place of a tile in the product. */
struct tile {
    size_t row, column; /* its corner in C */
    size_t k, k_count;  /* its part of K */
    size_t width;       /* columns that exist, 1..PANEL */
    const float *ahead; /* the panel that comes after this column's; need not exist */
};

/* What the products of this part of K are added to: bias and residual in the first part, what is there in
 * later ones. They are added at the end, since a sum of small products on top of a large residual would lose
 * its last bits each time. */
AVX2_INLINE __m256 base(const struct gemm *g, const struct tile *t, const float *c, size_t row, size_t half)
{
    size_t offset = half * 8;
    __m256i mask = avx2_mask(t->width > offset ? t->width - offset : 0);
    __m256 sum;

    if (t->k)
        return _mm256_maskload_ps(c + row * g->c_stride + offset, mask);
    sum = g->bias ? _mm256_maskload_ps(g->bias + t->column + offset, mask) : _mm256_setzero_ps();
    if (g->residual) {
        const float *residual = g->residual + (t->row + row) * g->c_stride + t->column + offset;
        sum = _mm256_add_ps(sum, _mm256_maskload_ps(residual, mask));
    }
    return sum;
}

AVX2_INLINE void finish(const struct gemm *g, const struct tile *t, float *c, size_t row, size_t half,
                        __m256 sum)
{
    size_t offset = half * 8;

    if (t->k + t->k_count == g->k)
        sum = avx2_activate(sum, g->activation);
    c += row * g->c_stride + offset;
    if (t->width >= offset + 8)
        _mm256_storeu_ps(c, sum);
    else if (t->width > offset)
        _mm256_maskstore_ps(c, avx2_mask(t->width - offset), sum);
}

#define STEP 8 /* of k between fetches */

/* What comes next: of the next tile's rows three in a step, so that sixteen k have a line of each, into the
 * first-level cache; of the panel ahead a line, which is all of them in a column of eight tiles, into the
 * second. Fetching from where nothing is does no harm. */
AVX2_INLINE void fetch(const struct gemm *g, const struct tile *t, const float *a, const size_t rows,
                       size_t k)
{
    uintptr_t row = (uintptr_t)a, stride = g->a_stride * sizeof(float);
    uintptr_t line = (uintptr_t)t->ahead + (t->row / TILE_ROWS * t->k_count + k) / STEP * 64;

    row += k * sizeof(float) + (rows + k / STEP % 2 * 3) * stride;
    __builtin_prefetch((const void *)row, 0, 3);
    __builtin_prefetch((const void *)(row + stride), 0, 3);
    __builtin_prefetch((const void *)(row + 2 * stride), 0, 3);
    __builtin_prefetch((const void *)line, 0, 2);
}

/* Column k of the tile's rows by row k of the panel. Every third row has a pointer of its own: the others are
 * one or two strides from it, which an address can hold. */
AVX2_INLINE void multiply(__m256 sum[TILE_ROWS][2], const float *const a[TILE_ROWS / 3], size_t stride,
                          size_t k, const float *b, const size_t rows)
{
    __m256 b0 = _mm256_load_ps(b + k * PANEL), b1 = _mm256_load_ps(b + k * PANEL + 8);

    UNROLL for (size_t r = 0; r < rows; r++)
    {
        __m256 x = _mm256_broadcast_ss(a[r / 3] + r % 3 * stride + k);
        sum[r][0] = _mm256_fmadd_ps(x, b0, sum[r][0]);
        sum[r][1] = _mm256_fmadd_ps(x, b1, sum[r][1]);
    }
}

/* rows is a constant at every call, so that the accumulators become registers. */
AVX2_INLINE void compute_tile(const struct gemm *g, const struct tile *t, const size_t rows)
{
    __m256 sum[TILE_ROWS][2];
    const float *b = g->b + t->column / PANEL * g->panel_stride + t->k * PANEL;
    const float *first = g->a + t->row * g->a_stride + t->k;
    const float *a[TILE_ROWS / 3] = {first, first + 3 * g->a_stride};
    float *c = g->c + t->row * g->c_stride + t->column;
    size_t stride = g->a_stride, k = 0;

    UNROLL for (size_t r = 0; r < rows; r++)
    {
        sum[r][0] = _mm256_setzero_ps();
        sum[r][1] = _mm256_setzero_ps();
    }
    for (; k + STEP <= t->k_count; k += STEP) {
        fetch(g, t, first, rows, k);
        UNROLL for (size_t i = 0; i < STEP; i++) multiply(sum, a, stride, i, b, rows);
        b += STEP * PANEL;
        a[0] += STEP;
        a[1] += STEP;
    }
    for (size_t i = 0; k + i < t->k_count; i++)
        multiply(sum, a, stride, i, b, rows);
    UNROLL for (size_t r = 0; r < rows; r++)
    {
        finish(g, t, c, r, 0, _mm256_add_ps(sum[r][0], base(g, t, c, r, 0)));
        finish(g, t, c, r, 1, _mm256_add_ps(sum[r][1], base(g, t, c, r, 1)));
    }
}

AVX2 static void compute_tail(const struct gemm *g, const struct tile *t, size_t rows)
{
    switch (rows) {
    case 1:
        compute_tile(g, t, 1);
        break;
    case 2:
        compute_tile(g, t, 2);
        break;
    case 3:
        compute_tile(g, t, 3);
        break;
    case 4:
        compute_tile(g, t, 4);
        break;
    case 5:
        compute_tile(g, t, 5);
        break;
    default:
        break;
    }
}

AVX2 void avx2_gemm(const struct gemm *g)
{
    struct tile t = {0};

    for (t.k = 0; t.k < g->k; t.k += t.k_count) {
        t.k_count = g->k - t.k < K_BLOCK + K_BLOCK / 2 ? g->k - t.k : K_BLOCK;
        for (t.column = 0; t.column < g->n; t.column += PANEL) {
            t.width = g->n - t.column < PANEL ? g->n - t.column : PANEL;
            t.ahead = panels_ahead(g, t.column + PANEL, t.k, t.k_count);
            for (t.row = 0; t.row + TILE_ROWS <= g->m; t.row += TILE_ROWS)
                compute_tile(g, &t, TILE_ROWS);
            compute_tail(g, &t, g->m - t.row);
        }
    }
}

#endif
