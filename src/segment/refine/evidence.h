/* evidence.h: what the model says, on the grid's picture: its logits, how probable, how sure. */
#ifndef SEGMENT_REFINE_EVIDENCE_H
#define SEGMENT_REFINE_EVIDENCE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/pool.h"

/* Where cell i of `to` reads from `from` cells (align_corners false): the cell before and the weight of the
 * one behind it. */
struct sample {
    uint32_t cell, next;
    float weight;
};

static inline struct sample sample_at(size_t i, size_t from, size_t to)
{
    float position = fmaxf(((float)i + 0.5f) * ((float)from / (float)to) - 0.5f, 0.0f);
    uint32_t cell = (uint32_t)position;

    if (cell + 1 >= from)
        return (struct sample){(uint32_t)from - 1, (uint32_t)from - 1, 0.0f};
    return (struct sample){cell, cell + 1, position - (float)cell};
}

/* 1 / (1 + exp(-x)), absolute error below 1e-6; the same on every machine, and compilers vectorise it. */
static inline float sigmoid_near(float x)
{
    float t = fminf(fmaxf(x * -1.44269504f, -126.0f), 126.0f); /* exp(-x) = 2^t */
    float whole = floorf(t), part = t - whole;
    float power =
        1.0f +
        part * (0.69314698f +
                part * (0.24022992f + part * (0.05549525f + part * (0.00967052f + part * 0.00131870f))));
    int32_t bits = ((int32_t)whole + 127) << 23;
    float scale;

    memcpy(&scale, &bits, sizeof scale);
    return 1.0f / (1.0f + power * scale);
}

/* Finite everywhere: infinities become +-30, and what is no number is not found. from, to: [count] */
void evidence_clean(const float *from, size_t count, float *to);

/* logits: [side, side], clean; `shift` is the logit of the threshold. For a picture of [height, width]:
 * z = enlarged logits - shift, p = sigmoid(z), confidence = max(.002, |2 p - 1|^4). */
void evidence_spread(const float *logits, size_t side, float shift, size_t width, size_t height,
                     struct pool *pool, float *z, float *p, float *confidence);

/* blind: the answer of a solver that sees no colours, only distances. What it says as well is no evidence of
 * edges, so half of it is taken away from q, and all of it where the colours have nothing to say at all (a
 * plain picture, mere noise): the border then stays where the model has it. Both [count]; q may leave 0..1.
 */
void evidence_compare(float *q, const float *blind, const float *confidence, size_t count);

/* How much the model is to be trusted against the solver's answer q: `least_trust`, or more, where otherwise
 * - more than 3 % of the model's sure evidence for the thing would be contradicted, or
 * - the thing would lose more than 8 % of its area: blur keeps an area, so what is taken away and not added
 *   elsewhere is mostly a part of another colour, such as the black of a butterfly.
 * shared: the border is another label's too, which gains what this one loses: its area does not matter.
 * The worse it looks, the less is allowed. false: above 6 % and 10 % the solver did not understand the
 * picture (a spider's web on gravel). */
bool evidence_weigh(const float *z, const float *confidence, const float *q, size_t count, float least_trust,
                    bool shared, float *trust);

/* q = sigmoid(trust z + 6 (2 q - 1)): the solver's answer with the model's added back. All [height, width].
 */
void evidence_add(const float *z, float trust, size_t width, size_t height, struct pool *pool, float *q);

#endif
