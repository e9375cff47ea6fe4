/* gemm_int8_dotprod.c: the product of bytes for 64-bit ARM with dot products: tiles of 4 rows by one panel,
 * 16 accumulators.
 *
 * A register holds four k of four features, as the panels lie; sdot multiplies each feature by the same four
 * bytes of a row. It wants both signed, so rows are taken minus 128. */
#include "kernels/neon/int8.h"

#if defined(NEON_EXTENSIONS)

#define DOTPROD __attribute__((target("arch=armv8.2-a+dotprod")))
#define DOTPROD_INLINE DOTPROD static inline __attribute__((always_inline))
#define TILE_ROWS 4

/* sum[r] += a[r][4 * lane ..] * b for four steps of k */
#define STEP(lane)                                                                                           \
    UNROLL for (size_t q = 0; q < 4; q++)                                                                    \
    {                                                                                                        \
        int8x16_t y = vld1q_s8(b + (lane)*4 * PANEL + 16 * q);                                               \
        UNROLL for (size_t r = 0; r < rows; r++) sum[r][q] = vdotq_laneq_s32(sum[r][q], y, x[r], lane);      \
    }

/* rows is a constant at every call, so that the accumulators become registers. */
DOTPROD_INLINE void compute_tile(const struct gemm_integers *g, size_t row, size_t column, const size_t rows)
{
    int32x4_t sum[TILE_ROWS][4];
    int8x16_t x[TILE_ROWS];
    const int8_t *b = g->b_bytes + column / PANEL * g->panel_stride;
    const uint8_t *a = g->a_bytes + row * g->a_stride;
    size_t k = 0;

    UNROLL for (size_t r = 0; r < rows; r++) UNROLL for (size_t q = 0; q < 4; q++) sum[r][q] = vdupq_n_s32(0);
    for (; k + 16 <= g->k; k += 16, b += 16 * PANEL) {
        UNROLL for (size_t r = 0; r < rows; r++) x[r] = neon_signed(vld1q_u8(a + r * g->a_stride + k));
        STEP(0)
        STEP(1)
        STEP(2)
        STEP(3)
    }
    if (k < g->k) { /* k is a multiple of 8 */
        UNROLL for (size_t r = 0; r < rows; r++) x[r] =
            neon_signed(vcombine_u8(vld1_u8(a + r * g->a_stride + k), vdup_n_u8(0)));
        STEP(0)
        STEP(1)
    }
    UNROLL for (size_t r = 0; r < rows; r++)
        neon_finish_int8(g, row + r, column, g->a_zero[row + r] - 128, sum[r]);
}

DOTPROD void neon_gemm_int8_dotprod(const struct gemm_integers *g)
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
