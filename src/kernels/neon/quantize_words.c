/* quantize_words.c: rows of floats to words for 64-bit ARM. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "kernels/int16.h"
#include "kernels/neon/neon.h"

#if defined(__aarch64__)

void neon_quantize_words(size_t rows, size_t n, const float *x, size_t x_stride, int16_t *out,
                         size_t out_stride, float *scale)
{
    for (size_t row = 0; row < rows; row++, x += x_stride, out += out_stride) {
        float low, high;
        bool finite = neon_row_range(n, x, &low, &high);
        float largest = !finite ? NAN : -low > high ? -low : high, inverse = int16_inverse(largest);
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
