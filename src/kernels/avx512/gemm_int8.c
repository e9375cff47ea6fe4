/* gemm_int8.c: the product of bytes for AVX-512 with VNNI: tiles of 12 rows by two adjacent panels, 24
 * accumulators of 32 bits.
 *
 * Four k of a panel's 16 features are one register. vpdpbusd multiplies them by four bytes of a row and adds
 * to 32 bits without a stop at 16. */
#include "kernels/avx512/avx512.h"

#if defined(__x86_64__)

#define TILE_ROWS 12

typedef int32_t tile_sums[TILE_ROWS][2 * PANEL];

/* Sums to the result: sixteen columns from `column` on, of which `count` (1..16) exist. */
VNNI_INLINE void finish(const struct gemm_integers *g, size_t row, size_t column, size_t count, __m512i sum)
{
    __m512i sums = _mm512_maskz_loadu_epi32(avx512_mask(count), g->b_sum + column);
    __m512i correction = _mm512_mullo_epi32(_mm512_set1_epi32(g->a_zero[row]), sums);

    avx512_finish(g, row, column, count, _mm512_cvtepi32_ps(_mm512_sub_epi32(sum, correction)));
}

VNNI static void finish_tile(const struct gemm_integers *g, size_t row, size_t column, size_t rows,
                             tile_sums sums)
{
    size_t width = g->n - column < 2 * PANEL ? g->n - column : 2 * PANEL;

    for (size_t i = 0; i < width; i += PANEL)
        for (size_t r = 0; r < rows; r++)
            finish(g, row + r, column + i, width - i, _mm512_load_si512(&sums[r][i]));
}

#define STEP 4 /* registers of a panel between fetches */

/* Into the second-level cache a line of either panel ahead: all of them in a column of four tiles. */
VNNI_INLINE void fetch(const int8_t *ahead, size_t panel_stride)
{
    __builtin_prefetch((const void *)(uintptr_t)ahead, 0, 2);
    __builtin_prefetch((const void *)((uintptr_t)ahead + panel_stride), 0, 2);
}

/* Four columns of the tile's rows, from k on, by a register of either panel. Every third row has a pointer of
 * its own: the others are one or two strides from it, which an address can hold. */
VNNI_INLINE void multiply(__m512i sum[TILE_ROWS][2], const uint8_t *const a[TILE_ROWS / 3], size_t stride,
                          size_t k, const int8_t *b, const int8_t *next, const size_t rows,
                          const size_t panels)
{
    __m512i b0 = _mm512_load_si512(b + k * PANEL);
    __m512i b1 = panels > 1 ? _mm512_load_si512(next + k * PANEL) : b0;

    UNROLL512 for (size_t r = 0; r < rows; r++)
    {
        __m512i x = avx512_broadcast(a[r / 3] + r % 3 * stride + k);
        sum[r][0] = vnni_add(sum[r][0], x, b0);
        if (panels > 1)
            sum[r][1] = vnni_add(sum[r][1], x, b1);
    }
}

/* rows and panels are constants at every call, so that the accumulators become registers. */
VNNI_INLINE void compute_tile(const struct gemm_integers *g, size_t row, size_t column, const size_t rows,
                              const size_t panels)
{
    _Alignas(64) tile_sums sums;
    __m512i sum[TILE_ROWS][2];
    const int8_t *b = g->b_bytes + column / PANEL * g->panel_stride;
    const int8_t *next = b + (panels > 1 ? g->panel_stride : 0);
    const int8_t *ahead =
        (const int8_t *)((uintptr_t)b + panels * g->panel_stride + row / TILE_ROWS * g->k / 16 * 64);
    const uint8_t *a[TILE_ROWS / 3];
    size_t stride = g->a_stride, k = 0;

    UNROLL512 for (size_t i = 0; i < TILE_ROWS / 3; i++) a[i] = g->a_bytes + (row + 3 * i) * stride;
    UNROLL512 for (size_t r = 0; r < rows; r++) sum[r][0] = sum[r][1] = _mm512_setzero_si512();
    for (; k + 4 * STEP <= g->k; k += 4 * STEP) {
        fetch(ahead, g->panel_stride);
        UNROLL512 for (size_t i = 0; i < 4 * STEP; i += 4) multiply(sum, a, stride, i, b, next, rows, panels);
        ahead += 64;
        b += 4 * STEP * PANEL;
        next += 4 * STEP * PANEL;
        UNROLL512 for (size_t i = 0; i < TILE_ROWS / 3; i++) a[i] += 4 * STEP;
    }
    for (size_t i = 0; k + i < g->k; i += 4)
        multiply(sum, a, stride, i, b, next, rows, panels);
    UNROLL512 for (size_t r = 0; r < rows; r++)
    {
        _mm512_store_si512(sums[r], sum[r][0]);
        if (panels > 1)
            _mm512_store_si512(sums[r] + PANEL, sum[r][1]);
    }
    finish_tile(g, row, column, rows, sums);
}

/* All rows of one or two panels. */
VNNI_INLINE void compute_column(const struct gemm_integers *g, size_t column, const size_t panels)
{
    size_t row = 0;

    for (; row + TILE_ROWS <= g->m; row += TILE_ROWS)
        compute_tile(g, row, column, TILE_ROWS, panels);
#define TILE(rows) compute_tile(g, row, column, rows, panels)
    AVX512_TAIL(g->m - row, TILE)
#undef TILE
}

VNNI void avx512_gemm_int8(const struct gemm_integers *g)
{
    for (size_t column = 0; column < g->n; column += 2 * PANEL) {
        if (g->n - column > PANEL)
            compute_column(g, column, 2);
        else
            compute_column(g, column, 1);
    }
}

#endif
