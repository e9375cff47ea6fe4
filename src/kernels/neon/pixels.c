/* pixels.c: the enlargement of logits and the normalisation of pixels for 64-bit ARM. */
#include "kernels/neon/neon.h"

#if defined(__aarch64__)

/* (1 - w) * row[i] + w * row[i + 1] for four places */
NEON_INLINE float32x4_t interpolate(const float *row, const int32_t i[4], float32x4_t w)
{
    const float left[4] = {row[i[0]], row[i[1]], row[i[2]], row[i[3]]};
    const float right[4] = {row[i[0] + 1], row[i[1] + 1], row[i[2] + 1], row[i[3] + 1]};
    float32x4_t rest = vsubq_f32(vdupq_n_f32(1.0f), w);

    return vaddq_f32(vmulq_f32(rest, vld1q_f32(left)), vmulq_f32(w, vld1q_f32(right)));
}

void neon_enlarge_row(size_t width, const float *top, const float *bottom, float weight_bottom,
                      const int32_t *left, const float *weight, float *out)
{
    for (size_t x = 0; x < width; x += 4) {
        size_t count = width - x < 4 ? width - x : 4;
        int32_t i[4] = {0}; /* lanes that do not exist read column 0 */

        for (size_t j = 0; j < count; j++)
            i[j] = left[x + j];
        float32x4_t w = neon_load(weight + x, count);
        float32x4_t logit = vaddq_f32(vmulq_n_f32(interpolate(top, i, w), 1.0f - weight_bottom),
                                      vmulq_n_f32(interpolate(bottom, i, w), weight_bottom));
        neon_store(out + x, neon_sigmoid(logit), count);
    }
}

/* Eight pixels of one channel to float. */
NEON_INLINE void scale_plane(uint8x8_t channel, float scale, float offset, float *out)
{
    uint16x8_t wide = vmovl_u8(channel);
    float32x4_t low = vcvtq_f32_u32(vmovl_u16(vget_low_u16(wide)));
    float32x4_t high = vcvtq_f32_u32(vmovl_u16(vget_high_u16(wide)));

    vst1q_f32(out, vaddq_f32(vmulq_n_f32(low, scale), vdupq_n_f32(offset)));
    vst1q_f32(out + 4, vaddq_f32(vmulq_n_f32(high, scale), vdupq_n_f32(offset)));
}

void neon_normalize_row(size_t width, const uint8_t *rgb, const float scale[3], const float offset[3],
                        float *red, float *green, float *blue)
{
    float *const planes[3] = {red, green, blue};
    size_t x = 0;

    for (; x + 8 <= width; x += 8) {
        uint8x8x3_t pixels = vld3_u8(rgb + 3 * x);
        UNROLL for (size_t c = 0; c < 3; c++) scale_plane(pixels.val[c], scale[c], offset[c], planes[c] + x);
    }
    for (; x < width; x++)
        for (size_t c = 0; c < 3; c++)
            planes[c][x] = (float)rgb[3 * x + c] * scale[c] + offset[c];
}

#endif
