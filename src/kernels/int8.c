/* int8.c: weights to signed bytes for the products of kernels.h.
 *
 * AVX2's vpmaddubsw multiplies unsigned by signed bytes and adds pairs in 16 bits with saturation; two such
 * results are added before they widen. Of eight consecutive k these are the sums of k = 0 1 4 5 and of k = 2
 * 3 6 7. Activations reach 255, so a sum stays inside [-32768, 32767] when its positive weights add up to at
 * most 128 (255 * 128 = 32640) and its negative ones to at least -128. */
#include "kernels/int8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

#define LARGEST 127
#define GROUP_LIMIT 128

/* Which elements of a step share a 16-bit sum. */
static const size_t groups[2][4] = {{0, 1, 4, 5}, {2, 3, 6, 7}};

size_t int8_packed_size(size_t out, size_t in)
{
    return round_up(out, PANEL) * round_up(in, INTEGER_STEP);
}

static float element(const float *w, size_t in, size_t k)
{
    return k < in ? w[k] : 0.0f;
}

/* The scale at which the unrounded weights just keep both limits. */
static float smallest_scale(const float *w, size_t in)
{
    float largest = 0.0f, fullest = 0.0f;

    for (size_t step = 0; step < in; step += INTEGER_STEP)
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

static int round_to_int(float x)
{
    return (int)(x + (x < 0.0f ? -0.5f : 0.5f));
}

/* Take from the elements of one sign what is above the limit, each time from the one that then errs least. */
static void keep_limit(const float x[4], int q[4], int sign)
{
    for (;;) {
        int total = 0;
        size_t worst = 0;
        float furthest = -INFINITY;
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
static void quantize_step(const float *w, size_t in, size_t step, float inverse, int8_t out[INTEGER_STEP])
{
    for (size_t g = 0; g < 2; g++) {
        float x[4];
        int q[4], total = 0;
        for (size_t i = 0; i < 4; i++) {
            x[i] = element(w, in, step + groups[g][i]) * inverse;
            q[i] = round_to_int(fminf(LARGEST, fmaxf(-LARGEST, x[i])));
            total += abs(q[i]);
        }
        if (total > GROUP_LIMIT) { /* seldom */
            keep_limit(x, q, 1);
            keep_limit(x, q, -1);
        }
        for (size_t i = 0; i < 4; i++)
            out[groups[g][i]] = (int8_t)q[i];
    }
}

/* Quantise a feature [in] at a scale to bytes [round_up(in, INTEGER_STEP)]; returns the sum of squared
 * errors.
 */
static float quantize_feature(const float *w, size_t in, float scale, int8_t *out)
{
    float inverse = scale > 0.0f ? 1.0f / scale : 0.0f, error = 0.0f;

    for (size_t step = 0; step < in; step += INTEGER_STEP) {
        quantize_step(w, in, step, inverse, out + step);
        for (size_t i = 0; i < INTEGER_STEP; i++) {
            float difference = (float)out[step + i] * scale - element(w, in, step + i);
            error += difference * difference;
        }
    }
    return error;
}

/* A finer scale makes most weights more exact and cuts the few groups that are then too full: take the best
 * of some. */
static float best_scale(const float *w, size_t in, int8_t *scratch)
{
    static const float finer[] = {1.0f, 0.85f, 0.7f, 0.55f};
    float whole = smallest_scale(w, in), best = whole, least = INFINITY;

    for (size_t i = 0; i < sizeof finer / sizeof *finer; i++) {
        float error = quantize_feature(w, in, whole * finer[i], scratch);
        if (error < least) {
            least = error;
            best = whole * finer[i];
        }
    }
    return best;
}

void int8_pack(size_t out, size_t in, const float *w, size_t stride, int8_t *packed, int8_t *scratch,
               float *scale, int32_t *sum)
{
    size_t k = round_up(in, INTEGER_STEP);

    memset(packed, 0, int8_packed_size(out, in));
    for (size_t row = 0; row < out; row++) {
        const float *weights = w + row * stride;
        int8_t *place = packed + row / PANEL * PANEL * k + row % PANEL * 4;

        scale[row] = best_scale(weights, in, scratch);
        quantize_feature(weights, in, scale[row], scratch);
        sum[row] = 0;
        for (size_t i = 0; i < k; i++)
            sum[row] += scratch[i];
        for (size_t i = 0; i < k; i += 4)
            memcpy(place + i * PANEL, scratch + i, 4);
    }
}
