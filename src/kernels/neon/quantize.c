/* quantize.c: rows of floats to bytes for 64-bit ARM. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "kernels/neon/neon.h"

#if defined(__aarch64__)

bool neon_row_range(size_t n, const float *x, float *low, float *high)
{
    float32x4_t lowest = vdupq_n_f32(0.0f), highest = lowest, check = lowest, zero = lowest;

    for (size_t i = 0; i < n; i += 4) {
        float32x4_t y = neon_load(x + i, n - i);
        lowest = vminq_f32(lowest, y);
        highest = vmaxq_f32(highest, y);
        check = vfmaq_f32(check, y, zero); /* NaN when an element is not finite */
    }
    *low = vminvq_f32(lowest);
    *high = vmaxvq_f32(highest);
    return vaddvq_f32(check) == 0.0f;
}

/* Four floats to four words with the zero point. */
NEON_INLINE int16x4_t to_words(float32x4_t x, float inverse, int32x4_t zero)
{
    return vqmovn_s32(vaddq_s32(vcvtnq_s32_f32(vmulq_n_f32(x, inverse)), zero));
}

void neon_quantize_rows(size_t rows, size_t n, const float *x, size_t x_stride, uint8_t *out,
                        size_t out_stride, float *scale, int32_t *zero)
{
    for (size_t row = 0; row < rows; row++, x += x_stride, out += out_stride) {
        float low, high;
        bool finite = neon_row_range(n, x, &low, &high);
        float inverse = finite && high > low ? 255.0f / (high - low) : 0.0f;

        scale[row] = finite ? (high - low) / 255.0f : NAN;
        zero[row] = finite ? (int32_t)lrintf(-low * inverse) : 0;
        memset(out + n / 8 * 8, 0, round_up(n, INTEGER_STEP) - n / 8 * 8);
        if (inverse == 0.0f) {
            memset(out, 0, n);
            continue;
        }
        int32x4_t offset = vdupq_n_s32(zero[row]);
        for (size_t i = 0; i < n; i += 8) {
            size_t count = n - i < 8 ? n - i : 8;
            int16x4_t left = to_words(neon_load(x + i, count), inverse, offset);
            int16x4_t right =
                count > 4 ? to_words(neon_load(x + i + 4, count - 4), inverse, offset) : vdup_n_s16(0);
            uint8x8_t bytes = vqmovun_s16(vcombine_s16(left, right));
            if (count == 8) {
                vst1_u8(out + i, bytes);
            } else {
                uint8_t last[8];
                vst1_u8(last, bytes);
                memcpy(out + i, last, count);
            }
        }
    }
}

#endif
