/* quantize_words.c: rows of floats to words for 64-bit ARM. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "kernels/int16.h"
#include "kernels/neon/neon.h"

#if defined(__aarch64__)

/* The largest magnitude of a row; NaN: something is not finite. */
static float row_magnitude(size_t n, const float *x)
{
    float32x4_t largest = vdupq_n_f32(0.0f), check = largest, zero = largest;

    for (size_t i = 0; i < n; i += 4) {
        float32x4_t y = neon_load(x + i, n - i);
        largest = vmaxq_f32(largest, vabsq_f32(y));
        check = vfmaq_f32(check, y, zero); /* NaN when an element is not finite */
    }
    return vmaxvq_f32(largest) + vaddvq_f32(check);
}

void neon_quantize_words(size_t rows, size_t n, const float *x, size_t x_stride, int16_t *out,
                         size_t out_stride, float *scale)
{
    for (size_t row = 0; row < rows; row++, x += x_stride, out += out_stride) {
        float largest = row_magnitude(n, x), inverse = int16_inverse(largest);
        size_t padded = round_up(n, INTEGER_STEP);

        scale[row] = largest / WORDS_MOST_ACTIVATION;
        memset(out + n, 0, (padded - n) * sizeof *out);
        if (inverse == 0.0f) {
            memset(out, 0, n * sizeof *out);
            continue;
        }
        for (size_t i = 0; i < n; i += 4) { /* lanes behind the row are loaded as 0 */
            int32x4_t q = vcvtnq_s32_f32(vmulq_n_f32(neon_load(x + i, n - i), inverse));
            vst1_s16(out + i, vqmovn_s32(q));
        }
    }
}

#endif
