/* gemm_int8.c: the product of bytes for every 64-bit ARM: tiles of 2 rows by one panel.
 *
 * Two products of signed bytes are added in 16 bits, which holds 2 * 128 * 127; then neighbours are added in
 * 32 bits. An accumulator has two features with two sums each, which meet at the end. */
#include "kernels/neon/int8.h"

#if defined(__aarch64__)

#define TILE_ROWS 2
#define PAIRS (PANEL / 2) /* of features */

/* Four bytes of a row, minus 128, twice. */
NEON_INLINE int8x8_t broadcast(const uint8_t *a)
{
    uint32_t four;

    memcpy(&four, a, sizeof four);
    return vreinterpret_s8_u8(veor_u8(vreinterpret_u8_u32(vdup_n_u32(four)), vdup_n_u8(128)));
}

/* rows is a constant at every call, so that the accumulators become registers. */
NEON_INLINE void compute_tile(const struct gemm_integers *g, size_t row, size_t column, const size_t rows)
{
    int32x4_t sum[TILE_ROWS][PAIRS];
    const int8_t *b = g->b_bytes + column / PANEL * g->panel_stride;
    const uint8_t *a = g->a_bytes + row * g->a_stride;

    UNROLL for (size_t r = 0; r < rows; r++) UNROLL for (size_t p = 0; p < PAIRS; p++) sum[r][p] =
        vdupq_n_s32(0);
    for (size_t k = 0; k < g->k; k += 8, b += 8 * PANEL, a += 8) {
        int8x8_t x[TILE_ROWS][2];
        UNROLL for (size_t r = 0; r < rows; r++)
        {
            x[r][0] = broadcast(a + r * g->a_stride);
            x[r][1] = broadcast(a + r * g->a_stride + 4);
        }
        UNROLL for (size_t p = 0; p < PAIRS; p++)
        {
            int8x8_t b0 = vld1_s8(b + 8 * p), b1 = vld1_s8(b + 4 * PANEL + 8 * p);
            UNROLL for (size_t r = 0; r < rows; r++) sum[r][p] =
                vpadalq_s16(sum[r][p], vmlal_s8(vmull_s8(b0, x[r][0]), b1, x[r][1]));
        }
    }
    UNROLL for (size_t r = 0; r < rows; r++)
    {
        int32x4_t whole[4];
        UNROLL for (size_t q = 0; q < 4; q++) whole[q] = vpaddq_s32(sum[r][2 * q], sum[r][2 * q + 1]);
        neon_finish_int8(g, row + r, column, g->a_zero[row + r] - 128, whole);
    }
}

void neon_gemm_int8(const struct gemm_integers *g)
{
    for (size_t column = 0; column < g->n; column += PANEL) {
        size_t row = 0;
        for (; row + TILE_ROWS <= g->m; row += TILE_ROWS)
            compute_tile(g, row, column, TILE_ROWS);
        if (row < g->m)
            compute_tile(g, row, column, 1);
    }
}

#endif
