/* pack.c: rows into panels for AVX2, as transposes of 8x8 blocks. */
#include "kernels/avx2/avx2.h"

#if defined(__x86_64__)

/* out[j * PANEL + i] = x[i * stride + j] for an 8x8 block. */
AVX2_INLINE void transpose_block(const float *x, size_t stride, float *out)
{
    __m256 r[8], s[8];

    UNROLL for (size_t i = 0; i < 4; i++)
    { /* halves of rows i and i + 4 side by side: the 128-bit part */
        r[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(x + i * stride)),
                                    _mm_loadu_ps(x + (i + 4) * stride), 1);
        r[i + 4] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(x + i * stride + 4)),
                                        _mm_loadu_ps(x + (i + 4) * stride + 4), 1);
    }
    UNROLL for (size_t i = 0; i < 8; i += 2)
    {
        s[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        s[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    UNROLL for (size_t h = 0; h < 8; h += 4)
    {
        _mm256_storeu_ps(out + h * PANEL, _mm256_shuffle_ps(s[h], s[h + 2], 0x44));
        _mm256_storeu_ps(out + (h + 1) * PANEL, _mm256_shuffle_ps(s[h], s[h + 2], 0xee));
        _mm256_storeu_ps(out + (h + 2) * PANEL, _mm256_shuffle_ps(s[h + 1], s[h + 3], 0x44));
        _mm256_storeu_ps(out + (h + 3) * PANEL, _mm256_shuffle_ps(s[h + 1], s[h + 3], 0xee));
    }
}

AVX2 static void pack_panel(size_t columns, const float *x, size_t stride, float *out)
{
    size_t j = 0;

    for (; j + 8 <= columns; j += 8) {
        transpose_block(x + j, stride, out + j * PANEL);
        transpose_block(x + 8 * stride + j, stride, out + j * PANEL + 8);
    }
    for (; j < columns; j++)
        for (size_t i = 0; i < PANEL; i++)
            out[j * PANEL + i] = x[i * stride + j];
}

AVX2 void avx2_pack_rows(size_t rows, size_t columns, const float *x, size_t stride, float *out)
{
    for (; rows >= PANEL; rows -= PANEL, x += PANEL * stride, out += PANEL * columns)
        pack_panel(columns, x, stride, out);
    if (!rows)
        return;
    for (size_t j = 0; j < columns; j++)
        for (size_t i = 0; i < PANEL; i++)
            out[j * PANEL + i] = i < rows ? x[i * stride + j] : 0.0f;
}

#endif
