/* int16.c: weights to signed words for the products of kernels.h.
 *
 * Activations reach 8191 in magnitude, so a sum of products stays inside 32 bits when the magnitudes of its
 * weights add up to at most 2^18: 8191 * 2^18 = 2^31 - 2^18. Those of a block of 256 do, whatever their
 * signs: before rounding they add up to at most 2^18 - 128, and rounding adds at most 1/2 to each. */
#include "kernels/int16.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

#define BLOCK_LIMIT ((1 << 18) - 0.5 * WORDS_BLOCK)

size_t int16_packed_size(size_t out, size_t in)
{
    return round_up(out, PANEL) * round_up(in, INTEGER_STEP);
}

/* The finest scale that keeps both limits. Computed in double: a float would round by more than the half step
 * that is left. */
static float choose_scale(const float *w, size_t in)
{
    double largest = 0.0, fullest = 0.0;

    for (size_t start = 0; start < in; start += WORDS_BLOCK) {
        double sum = 0.0;
        for (size_t i = start; i < size_min(in, start + WORDS_BLOCK); i++) {
            double x = fabs((double)w[i]);
            sum += x;
            largest = fmax(largest, x);
        }
        fullest = fmax(fullest, sum);
    }
    return (float)fmax(largest / WORDS_MOST_WEIGHT, fullest / BLOCK_LIMIT);
}

void int16_pack(size_t out, size_t in, const float *w, size_t stride, int16_t *packed, float *scale)
{
    size_t k = round_up(in, INTEGER_STEP);

    memset(packed, 0, int16_packed_size(out, in) * sizeof *packed);
    for (size_t row = 0; row < out; row++) {
        const float *weights = w + row * stride;
        int16_t *place = packed + row / PANEL * PANEL * k + row % PANEL * 2;

        scale[row] = choose_scale(weights, in);
        for (size_t i = 0; i < in && scale[row] > 0.0f; i++)
            place[i / 2 * 2 * PANEL + i % 2] = (int16_t)lrint((double)weights[i] / (double)scale[row]);
    }
}
