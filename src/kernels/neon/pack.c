/* pack.c: rows into panels for 64-bit ARM, as transposes of 4x4 blocks. */
#include "kernels/neon/neon.h"

#if defined(__aarch64__)

/* out[j * PANEL + i] = x[i * stride + j] for a 4x4 block. */
NEON_INLINE void transpose_block(const float *x, size_t stride, float *out)
{
    float32x4_t a = vld1q_f32(x), b = vld1q_f32(x + stride), c = vld1q_f32(x + 2 * stride),
                d = vld1q_f32(x + 3 * stride);
    float32x4_t ab0 = vtrn1q_f32(a, b), ab1 = vtrn2q_f32(a, b), cd0 = vtrn1q_f32(c, d),
                cd1 = vtrn2q_f32(c, d);

    vst1q_f32(out, vcombine_f32(vget_low_f32(ab0), vget_low_f32(cd0)));
    vst1q_f32(out + PANEL, vcombine_f32(vget_low_f32(ab1), vget_low_f32(cd1)));
    vst1q_f32(out + 2 * PANEL, vcombine_f32(vget_high_f32(ab0), vget_high_f32(cd0)));
    vst1q_f32(out + 3 * PANEL, vcombine_f32(vget_high_f32(ab1), vget_high_f32(cd1)));
}

static void pack_panel(size_t columns, const float *x, size_t stride, float *out)
{
    size_t j = 0;

    for (; j + 4 <= columns; j += 4)
        for (size_t i = 0; i < PANEL; i += 4)
            transpose_block(x + i * stride + j, stride, out + j * PANEL + i);
    for (; j < columns; j++)
        for (size_t i = 0; i < PANEL; i++)
            out[j * PANEL + i] = x[i * stride + j];
}

void neon_pack_rows(size_t rows, size_t columns, const float *x, size_t stride, float *out)
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
