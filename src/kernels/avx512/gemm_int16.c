/* gemm_int16.c: the product of words for AVX-512 with VNNI: tiles of 12 rows by two adjacent panels, 24
 * accumulators of 32 bits.
 *
 * Two k of a panel's 16 features are one register. vpdpwssd multiplies them by two words of a row and adds
 * both products. After every block of k the accumulators are added to sums of float, which wait in memory. */
#include "base/checked.h"
#include "kernels/avx512/avx512.h"

#if defined(__x86_64__)

#define TILE_ROWS 12

/* One block of k. rows and panels are constants at every call, so that the accumulators become registers.
 * next: the second panel. */
VNNI_INLINE void add_block(const int16_t *a, size_t stride, const int16_t *b, const int16_t *next, size_t k,
                           __m512 total[TILE_ROWS][2], const size_t rows, const size_t panels)
{
    __m512i sum[TILE_ROWS][2];

    UNROLL512 for (size_t r = 0; r < rows; r++) sum[r][0] = sum[r][1] = _mm512_setzero_si512();
    for (size_t i = 0; i < k; i += 2, b += 2 * PANEL, next += 2 * PANEL, a += 2) {
        __m512i b0 = _mm512_load_si512(b), b1 = panels > 1 ? _mm512_load_si512(next) : b0;
        UNROLL512 for (size_t r = 0; r < rows; r++)
        {
            __m512i x = avx512_broadcast(a + r * stride);
            sum[r][0] = vnni_add_words(sum[r][0], x, b0);
            if (panels > 1)
                sum[r][1] = vnni_add_words(sum[r][1], x, b1);
        }
    }
    UNROLL512 for (size_t r = 0; r < rows; r++)
    {
        total[r][0] = _mm512_add_ps(total[r][0], _mm512_cvtepi32_ps(sum[r][0]));
        if (panels > 1)
            total[r][1] = _mm512_add_ps(total[r][1], _mm512_cvtepi32_ps(sum[r][1]));
    }
}

VNNI static void finish_tile(const struct gemm_integers *g, size_t row, size_t column, size_t rows,
                             __m512 total[TILE_ROWS][2])
{
    size_t width = g->n - column;

    for (size_t r = 0; r < rows; r++) {
        avx512_finish(g, row + r, column, size_min(width, PANEL), total[r][0]);
        if (width > PANEL)
            avx512_finish(g, row + r, column + PANEL, size_min(width - PANEL, PANEL), total[r][1]);
    }
}

VNNI_INLINE void compute_tile(const struct gemm_integers *g, size_t row, size_t column, const size_t rows,
                              const size_t panels)
{
    __m512 total[TILE_ROWS][2];
    const int16_t *a = g->a_words + row * g->a_stride;
    const int16_t *b = g->b_words + column / PANEL * g->panel_stride;
    size_t second = panels > 1 ? g->panel_stride : 0;

    for (size_t r = 0; r < rows; r++)
        total[r][0] = total[r][1] = _mm512_setzero_ps();
    for (size_t k = 0; k < g->k; k += WORDS_BLOCK)
        add_block(a + k, g->a_stride, b + k * PANEL, b + second + k * PANEL, size_min(WORDS_BLOCK, g->k - k),
                  total, rows, panels);
    finish_tile(g, row, column, rows, total);
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

VNNI void avx512_gemm_int16(const struct gemm_integers *g)
{
    for (size_t column = 0; column < g->n; column += 2 * PANEL) {
        if (g->n - column > PANEL)
            compute_column(g, column, 2);
        else
            compute_column(g, column, 1);
    }
}

#endif
