/* gemm_int16.c: the product of words for every 64-bit ARM: tiles of 4 rows by one panel, 16 accumulators of
 * 32 bits.
 *
 * ld2 parts a panel's pairs of k; smlal then multiplies four features by one word of a row. After every block
 * of k the accumulators are added to sums of float, which wait in memory. */
#include "base/checked.h"
#include "kernels/neon/neon.h"

#if defined(__aarch64__)

#define TILE_ROWS 4

/* sum[r] += a[r][2 * pair] * b[0] + a[r][2 * pair + 1] * b[1]; eight features, of which sum[r][0] are the
 * first four */
#define STEP(pair, half)                                                                                     \
    {                                                                                                        \
        int16x8x2_t y = vld2q_s16(b + (pair)*2 * PANEL + (half)*PANEL);                                      \
        UNROLL for (size_t r = 0; r < rows; r++)                                                             \
        {                                                                                                    \
            int32x4_t *s = &sum[r][2 * (half)];                                                              \
            s[0] = vmlal_laneq_s16(s[0], vget_low_s16(y.val[0]), x[r], 2 * (pair));                          \
            s[1] = vmlal_high_laneq_s16(s[1], y.val[0], x[r], 2 * (pair));                                   \
            s[0] = vmlal_laneq_s16(s[0], vget_low_s16(y.val[1]), x[r], 2 * (pair) + 1);                      \
            s[1] = vmlal_high_laneq_s16(s[1], y.val[1], x[r], 2 * (pair) + 1);                               \
        }                                                                                                    \
    }

/* One block of k. rows is a constant at every call, so that the accumulators become registers. */
NEON_INLINE void add_block(const int16_t *a, size_t stride, const int16_t *b, size_t k,
                           float32x4_t total[TILE_ROWS][4], const size_t rows)
{
    int32x4_t sum[TILE_ROWS][4];
    int16x8_t x[TILE_ROWS];

    UNROLL for (size_t r = 0; r < rows; r++) UNROLL for (size_t q = 0; q < 4; q++) sum[r][q] = vdupq_n_s32(0);
    for (size_t i = 0; i < k; i += 8, b += 8 * PANEL) {
        UNROLL for (size_t r = 0; r < rows; r++) x[r] = vld1q_s16(a + r * stride + i);
        STEP(0, 0)
        STEP(0, 1)
        STEP(1, 0)
        STEP(1, 1)
        STEP(2, 0)
        STEP(2, 1)
        STEP(3, 0)
        STEP(3, 1)
    }
    UNROLL for (size_t r = 0; r < rows; r++) UNROLL for (size_t q = 0; q < 4; q++) total[r][q] =
        vaddq_f32(total[r][q], vcvtq_f32_s32(sum[r][q]));
}

NEON_INLINE void compute_tile(const struct gemm_integers *g, size_t row, size_t column, const size_t rows)
{
    float32x4_t total[TILE_ROWS][4];
    const int16_t *a = g->a_words + row * g->a_stride;
    const int16_t *b = g->b_words + column / PANEL * g->panel_stride;
    size_t width = g->n - column;

    for (size_t r = 0; r < rows; r++)
        for (size_t q = 0; q < 4; q++)
            total[r][q] = vdupq_n_f32(0.0f);
    for (size_t k = 0; k < g->k; k += WORDS_BLOCK)
        add_block(a + k, g->a_stride, b + k * PANEL, size_min(WORDS_BLOCK, g->k - k), total, rows);
    for (size_t r = 0; r < rows; r++)
        for (size_t q = 0; q < 4 && 4 * q < width; q++)
            neon_finish(g, row + r, column + 4 * q, size_min(width - 4 * q, 4), total[r][q]);
}

void neon_gemm_int16(const struct gemm_integers *g)
{
    for (size_t column = 0; column < g->n; column += PANEL) {
        size_t row = 0;
        for (; row + TILE_ROWS <= g->m; row += TILE_ROWS)
            compute_tile(g, row, column, TILE_ROWS);
        if (row + 2 <= g->m) {
            compute_tile(g, row, column, 2);
            row += 2;
        }
        if (row < g->m)
            compute_tile(g, row, column, 1);
    }
}

#endif
