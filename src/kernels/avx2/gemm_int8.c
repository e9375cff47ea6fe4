/* gemm_int8.c: the product of bytes for AVX2: tiles of 4 rows by one panel, 8 accumulators of 32 bits.
 *
 * For eight k a row takes two broadcasts of four bytes. vpmaddubsw gives sums of two products in 16 bits; two
 * of them are added (which cannot overflow, kernels/int8.c) before vpmaddwd widens: three multiplications for
 * 64 products. */
#include "kernels/avx2/avx2.h"

#if defined(__x86_64__)

#define TILE_ROWS 4

AVX2_INLINE __m256i widen(__m256i a0, __m256i a1, __m256i b0, __m256i b1)
{
    __m256i pairs = _mm256_add_epi16(_mm256_maddubs_epi16(a0, b0), _mm256_maddubs_epi16(a1, b1));
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

/* Sums to the result: eight columns from `column` on, of which `count` (1..8) exist. */
AVX2_INLINE void finish(const struct gemm_integers *g, size_t row, size_t column, size_t count, __m256i sum)
{
    __m256i sums = _mm256_maskload_epi32(g->b_sum + column, avx2_mask(count));
    __m256i correction = _mm256_mullo_epi32(_mm256_set1_epi32(g->a_zero[row]), sums);

    avx2_finish(g, row, column, count, _mm256_cvtepi32_ps(_mm256_sub_epi32(sum, correction)));
}

/* rows is a constant at every call, so that the accumulators become registers. */
AVX2_INLINE void compute_tile(const struct gemm_integers *g, size_t row, size_t column, const size_t rows)
{
    __m256i sum[TILE_ROWS][2];
    const int8_t *b = g->b_bytes + column / PANEL * g->panel_stride;
    const uint8_t *a = g->a_bytes + row * g->a_stride;
    size_t stride = g->a_stride, width = g->n - column;

    UNROLL for (size_t r = 0; r < rows; r++) sum[r][0] = sum[r][1] = _mm256_setzero_si256();
    for (size_t k = 0; k < g->k; k += INTEGER_STEP, b += INTEGER_STEP * PANEL) {
        const __m256i *p = (const __m256i *)(const void *)b;
        __m256i b00 = _mm256_load_si256(p), b01 = _mm256_load_si256(p + 1);
        __m256i b10 = _mm256_load_si256(p + 2), b11 = _mm256_load_si256(p + 3);
        UNROLL for (size_t r = 0; r < rows; r++)
        {
            __m256i a0 = avx2_broadcast(a + r * stride + k), a1 = avx2_broadcast(a + r * stride + k + 4);
            sum[r][0] = _mm256_add_epi32(sum[r][0], widen(a0, a1, b00, b10));
            sum[r][1] = _mm256_add_epi32(sum[r][1], widen(a0, a1, b01, b11));
        }
    }
    UNROLL for (size_t r = 0; r < rows; r++)
    {
        finish(g, row + r, column, width < 8 ? width : 8, sum[r][0]);
        if (width > 8)
            finish(g, row + r, column + 8, width < 16 ? width - 8 : 8, sum[r][1]);
    }
}

AVX2 static void compute_tail(const struct gemm_integers *g, size_t row, size_t column)
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

AVX2 void avx2_gemm_int8(const struct gemm_integers *g)
{
    for (size_t column = 0; column < g->n; column += PANEL) {
        size_t row = 0;
        for (; row + TILE_ROWS <= g->m; row += TILE_ROWS)
            compute_tile(g, row, column, TILE_ROWS);
        compute_tail(g, row, column);
    }
}

#endif
