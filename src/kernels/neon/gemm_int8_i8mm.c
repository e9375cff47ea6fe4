/* gemm_int8_i8mm.c: the product of bytes for 64-bit ARM with matrix products of bytes: tiles of 4 rows by one
 * panel, 16 accumulators.
 *
 * usmmla multiplies two rows by two features over eight k, unsigned by signed: twice the work of a dot
 * product. Its operands hold eight k of each feature, so that those of two steps of four are interleaved when
 * they are loaded. */
#include "kernels/neon/int8.h"

#if defined(NEON_EXTENSIONS)

#define I8MM __attribute__((target("arch=armv8.2-a+i8mm")))
#define I8MM_INLINE I8MM static inline __attribute__((always_inline))
#define ROW_PAIRS 2       /* of a tile */
#define PAIRS (PANEL / 2) /* of features */

/* Two rows' eight bytes; a row that does not exist is 0. */
NEON_INLINE uint8x16_t load_rows(const uint8_t *a, size_t stride, bool both)
{
    return vcombine_u8(vld1_u8(a), both ? vld1_u8(a + stride) : vdup_n_u8(0));
}

/* rows (1..4) is a constant at every call, so that the accumulators become registers. */
I8MM_INLINE void compute_tile(const struct gemm_integers *g, size_t row, size_t column, const size_t rows)
{
    int32x4_t sum[ROW_PAIRS][PAIRS]; /* [row][feature] of 2 x 2 */
    const size_t row_pairs = (rows + 1) / 2;
    const int8_t *b = g->b_bytes + column / PANEL * g->panel_stride;
    const uint8_t *a = g->a_bytes + row * g->a_stride;

    UNROLL for (size_t r = 0; r < row_pairs; r++) UNROLL for (size_t p = 0; p < PAIRS; p++) sum[r][p] =
        vdupq_n_s32(0);
    for (size_t k = 0; k < g->k; k += 8, b += 8 * PANEL, a += 8) {
        uint8x16_t x[ROW_PAIRS];
        UNROLL for (size_t r = 0; r < row_pairs; r++) x[r] =
            load_rows(a + 2 * r * g->a_stride, g->a_stride, 2 * r + 1 < rows);
        UNROLL for (size_t q = 0; q < 4; q++)
        {
            int32x4_t first = vreinterpretq_s32_s8(vld1q_s8(b + 16 * q));
            int32x4_t second = vreinterpretq_s32_s8(vld1q_s8(b + 4 * PANEL + 16 * q));
            int8x16_t y0 = vreinterpretq_s8_s32(vzip1q_s32(first, second));
            int8x16_t y1 = vreinterpretq_s8_s32(vzip2q_s32(first, second));
            UNROLL for (size_t r = 0; r < row_pairs; r++)
            {
                sum[r][2 * q] = vusmmlaq_s32(sum[r][2 * q], x[r], y0);
                sum[r][2 * q + 1] = vusmmlaq_s32(sum[r][2 * q + 1], x[r], y1);
            }
        }
    }
    UNROLL for (size_t r = 0; r < rows; r++)
    {
        int32x4_t whole[4];
        UNROLL for (size_t q = 0; q < 4; q++)
        {
            int32x4_t left = sum[r / 2][2 * q], right = sum[r / 2][2 * q + 1];
            whole[q] = r % 2 ? vcombine_s32(vget_high_s32(left), vget_high_s32(right))
                             : vcombine_s32(vget_low_s32(left), vget_low_s32(right));
        }
        neon_finish_int8(g, row + r, column, g->a_zero[row + r], whole);
    }
}

I8MM static void compute_tail(const struct gemm_integers *g, size_t row, size_t column)
{
    switch (g->m - row) {
    case 1:
        compute_tile(g, row, column, 1);
        break;
    case 2:
        compute_tile(g, row, column, 2);
        break;
    case 3:
        compute_tile(g, row, column, 3);
        break;
    default:
        break;
    }
}

I8MM void neon_gemm_int8_i8mm(const struct gemm_integers *g)
{
    for (size_t column = 0; column < g->n; column += PANEL) {
        size_t row = 0;
        for (; row + 2 * ROW_PAIRS <= g->m; row += 2 * ROW_PAIRS)
            compute_tile(g, row, column, 2 * ROW_PAIRS);
        compute_tail(g, row, column);
    }
}

#endif
