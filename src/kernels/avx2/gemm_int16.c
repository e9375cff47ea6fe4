/* gemm_int16.c: the product of words for AVX2: tiles of 4 rows by one panel, 8 accumulators of 32 bits.
 *
 * Two k of eight features are one register. vpmaddwd multiplies them by two words of a row and adds the two
 * products. After every block of k the accumulators are added to sums of float, which wait in memory. */
#include "base/checked.h"
#include "kernels/avx2/avx2.h"

#if defined(__x86_64__)

#define TILE_ROWS 4

/* One block of k. rows is a constant at every call, so that the accumulators become registers. */
AVX2_INLINE void add_block(const int16_t *a, size_t stride, const int16_t *b, size_t k,
                           __m256 total[TILE_ROWS][2], const size_t rows)
{
    __m256i sum[TILE_ROWS][2];

    UNROLL for (size_t r = 0; r < rows; r++) sum[r][0] = sum[r][1] = _mm256_setzero_si256();
    for (size_t i = 0; i < k; i += 2, b += 2 * PANEL) {
        const __m256i *p = (const __m256i *)(const void *)b;
        __m256i b0 = _mm256_load_si256(p), b1 = _mm256_load_si256(p + 1);
        UNROLL for (size_t r = 0; r < rows; r++)
        {
            __m256i x = avx2_broadcast(a + r * stride + i);
            sum[r][0] = _mm256_add_epi32(sum[r][0], _mm256_madd_epi16(x, b0));
            sum[r][1] = _mm256_add_epi32(sum[r][1], _mm256_madd_epi16(x, b1));
        }
    }
    UNROLL for (size_t r = 0; r < rows; r++)
    {
        total[r][0] = _mm256_add_ps(total[r][0], _mm256_cvtepi32_ps(sum[r][0]));
        total[r][1] = _mm256_add_ps(total[r][1], _mm256_cvtepi32_ps(sum[r][1]));
    }
}

AVX2_INLINE void compute_tile(const struct gemm_integers *g, size_t row, size_t column, const size_t rows)
{
    __m256 total[TILE_ROWS][2];
    const int16_t *a = g->a_words + row * g->a_stride;
    const int16_t *b = g->b_words + column / PANEL * g->panel_stride;
    size_t width = g->n - column;

    for (size_t r = 0; r < rows; r++)
        total[r][0] = total[r][1] = _mm256_setzero_ps();
    for (size_t k = 0; k < g->k; k += WORDS_BLOCK)
        add_block(a + k, g->a_stride, b + k * PANEL, size_min(WORDS_BLOCK, g->k - k), total, rows);
    for (size_t r = 0; r < rows; r++) {
        avx2_finish(g, row + r, column, width < 8 ? width : 8, total[r][0]);
        if (width > 8)
            avx2_finish(g, row + r, column + 8, width < 16 ? width - 8 : 8, total[r][1]);
    }
}

AVX2 static void compute_tail(const struct gemm_integers *g, size_t row, size_t column)
{
    if (row + 2 <= g->m) {
        compute_tile(g, row, column, 2);
        row += 2;
    }
    if (row < g->m)
        compute_tile(g, row, column, 1);
}

AVX2 void avx2_gemm_int16(const struct gemm_integers *g)
{
    for (size_t column = 0; column < g->n; column += PANEL) {
        size_t row = 0;
        for (; row + TILE_ROWS <= g->m; row += TILE_ROWS)
            compute_tile(g, row, column, TILE_ROWS);
        compute_tail(g, row, column);
    }
}

#endif
