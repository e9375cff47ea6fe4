/* gemm_int8.c: the product of bytes for AVX-512 with VNNI: tiles of 12 rows by two adjacent panels, 24
 * accumulators of 32 bits.
 *
 * Four k of a panel's 16 features are one register. vpdpbusd multiplies them by four bytes of a row and adds
 * to 32 bits without a stop at 16. */
#include <string.h>

#include "kernels/avx512/avx512.h"

#if defined(__x86_64__)

#define TILE_ROWS 12

VNNI_INLINE __m512i broadcast(const uint8_t *a)
{
    int32_t four;

    memcpy(&four, a, sizeof four);
    return _mm512_set1_epi32(four);
}

/* Integer sums to the result: sixteen columns from `column` on, of which `count` (1..16) exist. Product and
 * bias are rounded apart, as the reference does. */
VNNI_INLINE void finish(const struct gemm_int8 *g, size_t row, size_t column, size_t count, __m512i sum)
{
    __mmask16 mask = avx512_mask(count);
    __m512i correction = _mm512_mullo_epi32(_mm512_set1_epi32(g->a_zero[row]),
                                            _mm512_maskz_loadu_epi32(mask, g->b_sum + column));
    __m512 scale =
        _mm512_mul_ps(_mm512_set1_ps(g->a_scale[row]), _mm512_maskz_loadu_ps(mask, g->b_scale + column));
    __m512 bias = g->bias ? _mm512_maskz_loadu_ps(mask, g->bias + column) : _mm512_setzero_ps();
    __m512 x = _mm512_cvtepi32_ps(_mm512_sub_epi32(sum, correction));

    x = avx512_activate(_mm512_add_ps(_mm512_mul_ps(x, scale), bias), g->activation);
    if (g->residual)
        x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(mask, g->residual + row * g->c_stride + column));
    _mm512_mask_storeu_ps(g->c + row * g->c_stride + column, mask, x);
}

/* rows and panels are constants at every call, so that the accumulators become registers. */
VNNI_INLINE void compute_tile(const struct gemm_int8 *g, size_t row, size_t column, const size_t rows,
                              const size_t panels)
{
    __m512i sum[TILE_ROWS][2];
    const int8_t *b = g->b + column / PANEL * g->panel_stride;
    const int8_t *next = b + (panels > 1 ? g->panel_stride : 0);
    const uint8_t *a = g->a + row * g->a_stride;
    size_t stride = g->a_stride, width = g->n - column;

    UNROLL512 for (size_t r = 0; r < rows; r++) sum[r][0] = sum[r][1] = _mm512_setzero_si512();
    for (size_t k = 0; k < g->k; k += 4, b += 4 * PANEL, next += 4 * PANEL, a += 4) {
        __m512i b0 = _mm512_load_si512(b), b1 = panels > 1 ? _mm512_load_si512(next) : b0;
        UNROLL512 for (size_t r = 0; r < rows; r++)
        {
            __m512i x = broadcast(a + r * stride);
            sum[r][0] = vnni_add(sum[r][0], x, b0);
            if (panels > 1)
                sum[r][1] = vnni_add(sum[r][1], x, b1);
        }
    }
    UNROLL512 for (size_t r = 0; r < rows; r++)
    {
        finish(g, row + r, column, width < PANEL ? width : PANEL, sum[r][0]);
        if (panels > 1)
            finish(g, row + r, column + PANEL, width - PANEL < PANEL ? width - PANEL : PANEL, sum[r][1]);
    }
}

/* All rows of one or two panels: whole tiles, then what is left in steps of 6, 3 and 1. */
VNNI_INLINE void compute_column(const struct gemm_int8 *g, size_t column, const size_t panels)
{
    size_t row = 0;

    for (; row + TILE_ROWS <= g->m; row += TILE_ROWS)
        compute_tile(g, row, column, TILE_ROWS, panels);
    if (row + 6 <= g->m) {
        compute_tile(g, row, column, 6, panels);
        row += 6;
    }
    if (row + 3 <= g->m) {
        compute_tile(g, row, column, 3, panels);
        row += 3;
    }
    for (; row < g->m; row++)
        compute_tile(g, row, column, 1, panels);
}

VNNI void avx512_gemm_int8(const struct gemm_int8 *g)
{
    for (size_t column = 0; column < g->n; column += 2 * PANEL) {
        if (g->n - column > PANEL)
            compute_column(g, column, 2);
        else
            compute_column(g, column, 1);
    }
}

#endif
