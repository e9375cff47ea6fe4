/* int8.c: weights to signed bytes for the products of kernels.h.
 *
 * AVX2's vpmaddubsw multiplies unsigned by signed bytes and adds pairs in 16 bits with saturation; two such
 * results are added before they widen. Of eight consecutive k these are the sums of k = 0 1 4 5 and of k = 2
 * 3 6 7. Activations reach 255, so a sum stays inside [-32768, 32767] when its positive weights add up to at
 * most 128 (255 * 128 = 32640) and its negative ones to at least -128. */
#include "kernels/int8.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"

#define LARGEST 127
#define GROUP_LIMIT 128

/* Which elements of a step share a 16-bit sum. */
static const size_t groups[2][4] = {{0, 1, 4, 5}, {2, 3, 6, 7}};

size_t int8_packed_size(size_t out, size_t in)
{
    return round_up(out, PANEL) * round_up(in, INT8_STEP);
}

static float element(const float *w, size_t in, size_t k)
{
    return k < in ? w[k] : 0.0f;
}

/* The scale at which the unrounded weights just keep both limits. */
static float smallest_scale(const float *w, size_t in)
{
    float largest = 0.0f, fullest = 0.0f;

    for (size_t step = 0; step < in; step += INT8_STEP)
        for (size_t g = 0; g < 2; g++) {
            float positive = 0.0f, negative = 0.0f;
            for (size_t i = 0; i < 4; i++) {
                float x = element(w, in, step + groups[g][i]);
                positive += x > 0.0f ? x : 0.0f;
                negative -= x < 0.0f ? x : 0.0f;
                largest = fmaxf(largest, fabsf(x));
            }
            fullest = fmaxf(fullest, fmaxf(positive, negative));
        }
    return fmaxf(largest / LARGEST, fullest / GROUP_LIMIT);
}

/* Rounding may overstep the limit by up to two: take it back from the element whose rounding went furthest
 * out. */
static void keep_limit(const float x[4], int q[4], int sign)
{
    for (;;) {
        int total = 0;
        size_t worst = 0;
        float furthest = -2.0f;
        for (size_t i = 0; i < 4; i++) {
            int value = sign * q[i];
            float out = (float)value - (float)sign * x[i];
            if (value <= 0)
                continue;
            total += value;
            if (out > furthest) {
                furthest = out;
                worst = i;
            }
        }
        if (total <= GROUP_LIMIT)
            return;
        q[worst] -= sign;
    }
}

/* One feature's step of eight. */
static void quantize_step(const float *w, size_t in, size_t step, float inverse, int8_t out[INT8_STEP])
{
    for (size_t g = 0; g < 2; g++) {
        float x[4];
        int q[4];
        for (size_t i = 0; i < 4; i++) {
            x[i] = element(w, in, step + groups[g][i]) * inverse;
            q[i] = (int)lrintf(fminf(LARGEST, fmaxf(-LARGEST, x[i])));
        }
        keep_limit(x, q, 1);
        keep_limit(x, q, -1);
        for (size_t i = 0; i < 4; i++)
            out[groups[g][i]] = (int8_t)q[i];
    }
}

void int8_pack(size_t out, size_t in, const float *w, size_t stride, int8_t *packed, float *scale,
               int32_t *sum)
{
    size_t k = round_up(in, INT8_STEP);

    memset(packed, 0, int8_packed_size(out, in));
    for (size_t row = 0; row < out; row++) {
        const float *weights = w + row * stride;
        int8_t *place = packed + row / PANEL * PANEL * k + row % PANEL * 4;
        float s = smallest_scale(weights, in), inverse = s > 0.0f ? 1.0f / s : 0.0f;

        scale[row] = s;
        sum[row] = 0;
        for (size_t step = 0; step < k; step += INT8_STEP) {
            int8_t bytes[INT8_STEP];
            quantize_step(weights, in, step, inverse, bytes);
            for (size_t i = 0; i < INT8_STEP; i++)
                sum[row] += bytes[i];
            memcpy(place + step * PANEL, bytes, 4);
            memcpy(place + (step + 4) * PANEL, bytes + 4, 4);
        }
    }
}
