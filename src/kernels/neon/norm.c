/* norm.c: layer normalisation for 64-bit ARM. */
#include <math.h>

#include "kernels/neon/neon.h"

#if defined(__aarch64__)

static float row_mean(size_t n, const float *x)
{
    float32x4_t sum[2] = {vdupq_n_f32(0.0f), vdupq_n_f32(0.0f)};
    size_t i = 0;

    for (; i + 8 <= n; i += 8) {
        sum[0] = vaddq_f32(sum[0], vld1q_f32(x + i));
        sum[1] = vaddq_f32(sum[1], vld1q_f32(x + i + 4));
    }
    for (; i < n; i += 4)
        sum[0] = vaddq_f32(sum[0], neon_load(x + i, n - i));
    return vaddvq_f32(vaddq_f32(sum[0], sum[1])) / (float)n;
}

static float row_variance(size_t n, const float *x, float mean)
{
    float32x4_t m = vdupq_n_f32(mean), sum[2] = {vdupq_n_f32(0.0f), vdupq_n_f32(0.0f)};
    size_t i = 0;

    for (; i + 8 <= n; i += 8) {
        float32x4_t d0 = vsubq_f32(vld1q_f32(x + i), m), d1 = vsubq_f32(vld1q_f32(x + i + 4), m);
        sum[0] = vfmaq_f32(sum[0], d0, d0);
        sum[1] = vfmaq_f32(sum[1], d1, d1);
    }
    float result = vaddvq_f32(vaddq_f32(sum[0], sum[1]));
    for (; i < n; i++)
        result += (x[i] - mean) * (x[i] - mean);
    return result / (float)n;
}

void neon_layer_norm(size_t rows, size_t n, const float *x, size_t x_stride, const float *gamma,
                     const float *beta, float epsilon, float *out, size_t out_stride)
{
    for (size_t row = 0; row < rows; row++, x += x_stride, out += out_stride) {
        float mean = row_mean(n, x), scale = 1.0f / sqrtf(row_variance(n, x, mean) + epsilon);
        float32x4_t m = vdupq_n_f32(mean);

        for (size_t i = 0; i < n; i += 4) {
            float32x4_t y = vmulq_n_f32(vsubq_f32(neon_load(x + i, n - i), m), scale);
            y = vfmaq_f32(neon_load(beta + i, n - i), y, neon_load(gamma + i, n - i));
            neon_store(out + i, y, n - i);
        }
    }
}

#endif
