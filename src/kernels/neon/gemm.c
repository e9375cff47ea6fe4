/* gemm.c: the matrix product for 64-bit ARM: tiles of 8 rows by half a panel, 16 accumulators.
 *
 * Four steps of k at a time: a register holds four elements of a row of A, and each multiplies by one of its
 * lanes. K is cut into blocks so that a block of a panel stays in the first-level cache while the tiles run
 * down the rows; between blocks the partial sums wait in C. */
#include "kernels/neon/neon.h"

#if defined(__aarch64__)

#define TILE_ROWS 8
#define HALF (PANEL / 2)
#define K_BLOCK 256

/* The place of a tile in the product. */
struct tile {
    size_t row, column; /* its corner in C */
    size_t k, k_count;  /* its part of K */
    size_t width;       /* columns that exist, 1..HALF */
};

/* What the products of this part of K are added to: bias and residual in the first part, what is there in
 * later ones. They are added at the end, since a sum of small products on top of a large residual would lose
 * its last bits each time. count: 1..4 */
NEON_INLINE float32x4_t base(const struct gemm *g, const struct tile *t, const float *c, size_t column,
                             size_t count)
{
    float32x4_t sum;

    if (t->k)
        return neon_load(c, count);
    sum = g->bias ? neon_load(g->bias + column, count) : vdupq_n_f32(0.0f);
    if (g->residual)
        sum = vaddq_f32(sum, neon_load(g->residual + (c - g->c), count));
    return sum;
}

/* sum[r] += a[r][lane] * b for one step of k */
#define STEP(lane)                                                                                           \
    do {                                                                                                     \
        float32x4_t b0 = vld1q_f32(b + (lane)*PANEL), b1 = vld1q_f32(b + (lane)*PANEL + 4);                  \
        UNROLL for (size_t r = 0; r < rows; r++)                                                             \
        {                                                                                                    \
            sum[r][0] = vfmaq_laneq_f32(sum[r][0], b0, x[r], lane);                                          \
            sum[r][1] = vfmaq_laneq_f32(sum[r][1], b1, x[r], lane);                                          \
        }                                                                                                    \
    } while (0)

/* rows is a constant at every call, so that the accumulators become registers. */
NEON_INLINE void compute_tile(const struct gemm *g, const struct tile *t, const size_t rows)
{
    float32x4_t sum[TILE_ROWS][2], x[TILE_ROWS];
    const float *b = g->b + t->column / PANEL * g->panel_stride + t->k * PANEL + t->column % PANEL;
    const float *a = g->a + t->row * g->a_stride + t->k;
    float *c = g->c + t->row * g->c_stride + t->column;
    size_t left = t->width < 4 ? t->width : 4, right = t->width - left, k = 0;

    UNROLL for (size_t r = 0; r < rows; r++)
    {
        sum[r][0] = vdupq_n_f32(0.0f);
        sum[r][1] = vdupq_n_f32(0.0f);
    }
    for (; k + 4 <= t->k_count; k += 4, b += 4 * PANEL) {
        UNROLL for (size_t r = 0; r < rows; r++) x[r] = vld1q_f32(a + r * g->a_stride + k);
        STEP(0);
        STEP(1);
        STEP(2);
        STEP(3);
    }
    for (; k < t->k_count; k++, b += PANEL) {
        UNROLL for (size_t r = 0; r < rows; r++) x[r] = vld1q_dup_f32(a + r * g->a_stride + k);
        STEP(0);
    }
    UNROLL for (size_t r = 0; r < rows; r++)
    {
        bool last = t->k + t->k_count == g->k;
        enum gemm_activation activation = last ? g->activation : GEMM_NONE;
        float *row = c + r * g->c_stride;
        neon_store(row, neon_activate(vaddq_f32(sum[r][0], base(g, t, row, t->column, left)), activation),
                   left);
        if (right)
            neon_store(
                row + 4,
                neon_activate(vaddq_f32(sum[r][1], base(g, t, row + 4, t->column + 4, right)), activation),
                right);
    }
}

static void compute_tail(const struct gemm *g, const struct tile *t, size_t rows)
{
    struct tile part = *t;

    if (rows & 4) {
        compute_tile(g, &part, 4);
        part.row += 4;
    }
    if (rows & 2) {
        compute_tile(g, &part, 2);
        part.row += 2;
    }
    if (rows & 1)
        compute_tile(g, &part, 1);
}

void neon_gemm(const struct gemm *g)
{
    struct tile t = {0};

    for (t.k = 0; t.k < g->k; t.k += t.k_count) {
        t.k_count = g->k - t.k < K_BLOCK + K_BLOCK / 2 ? g->k - t.k : K_BLOCK;
        for (t.column = 0; t.column < g->n; t.column += HALF) {
            t.width = g->n - t.column < HALF ? g->n - t.column : HALF;
            for (t.row = 0; t.row + TILE_ROWS <= g->m; t.row += TILE_ROWS)
                compute_tile(g, &t, TILE_ROWS);
            compute_tail(g, &t, g->m - t.row);
        }
    }
}

#endif
