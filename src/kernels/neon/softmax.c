/* softmax.c: softmax of rows in place for 64-bit ARM. */
#include <math.h>

#include "kernels/neon/neon.h"

#if defined(__aarch64__)

static float row_maximum(size_t n, const float *x)
{
    float32x4_t highest = vdupq_n_f32(-INFINITY);
    size_t i = 0;

    for (; i + 4 <= n; i += 4)
        highest = vmaxq_f32(highest, vld1q_f32(x + i));
    float result = vmaxvq_f32(highest);
    for (; i < n; i++)
        result = x[i] > result ? x[i] : result;
    return result;
}

/* x = e^(x - maximum); returns the sum. */
static float row_exponentials(size_t n, float *x, float maximum)
{
    float32x4_t m = vdupq_n_f32(maximum), sum = vdupq_n_f32(0.0f);
    float rest = 0.0f;

    for (size_t i = 0; i < n; i += 4) {
        float32x4_t e = neon_exp(vsubq_f32(neon_load(x + i, n - i), m));
        neon_store(x + i, e, n - i);
        if (n - i >= 4)
            sum = vaddq_f32(sum, e);
        else
            for (size_t j = i; j < n; j++)
                rest += x[j];
    }
    return vaddvq_f32(sum) + rest;
}

void neon_softmax(size_t rows, size_t n, const size_t *valid, float *x, size_t stride)
{
    for (size_t row = 0; row < rows; row++, x += stride) {
        size_t count = valid ? valid[row] : n, i = 0;
        float factor = 1.0f / row_exponentials(count, x, row_maximum(count, x));

        for (; i + 4 <= count; i += 4)
            vst1q_f32(x + i, vmulq_n_f32(vld1q_f32(x + i), factor));
        for (; i < count; i++)
            x[i] *= factor;
        for (; i < n; i++)
            x[i] = 0.0f;
    }
}

#endif
