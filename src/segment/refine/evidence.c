/* evidence.c: logits to target and confidence before the solver, and back into its answer afterwards. */
#include "segment/refine/evidence.h"

#define INFINITE 30.0f
#define LEAST_CONFIDENCE 0.002f
#define SOLVER_WEIGHT 6.0f
#define MUTE 0.05 /* less difference: the colours say nothing; noise reaches 0.03 */
#define CLEAR 0.12
#define TRUST_BINS 64
#define TRUST_STEP 0.125f

struct spread {
    const float *logits;
    size_t side, width, height;
    float shift, trust;
    float *z, *p, *confidence;
};

void evidence_clean(const float *from, size_t count, float *to)
{
    for (size_t i = 0; i < count; i++)
        to[i] = isfinite(from[i]) ? from[i] : from[i] > 0.0f ? INFINITE : -INFINITE;
}

static void spread_row(void *context, size_t y, size_t worker)
{
    const struct spread *s = context;
    struct sample row = sample_at(y, s->side, s->height);
    const float *top = s->logits + row.cell * s->side, *bottom = s->logits + row.next * s->side;
    float *z = s->z + y * s->width, *p = s->p + y * s->width, *confidence = s->confidence + y * s->width;

    (void)worker;
    for (size_t x = 0; x < s->width; x++) {
        struct sample c = sample_at(x, s->side, s->width);
        float upper = top[c.cell] + c.weight * (top[c.next] - top[c.cell]);
        float lower = bottom[c.cell] + c.weight * (bottom[c.next] - bottom[c.cell]);
        z[x] = upper + row.weight * (lower - upper) - s->shift;
    }
    for (size_t x = 0; x < s->width; x++) {
        p[x] = sigmoid_near(z[x]);
        float sure = 2.0f * p[x] - 1.0f, square = sure * sure;
        confidence[x] = fmaxf(LEAST_CONFIDENCE, square * square);
    }
}

void evidence_spread(const float *logits, size_t side, float shift, size_t width, size_t height,
                     struct pool *pool, float *z, float *p, float *confidence)
{
    struct spread spread = {logits, side, width, height, shift, 0.0f, z, p, confidence};

    pool_run(pool, height, spread_row, &spread);
}

static void add_row(void *context, size_t y, size_t worker)
{
    const struct spread *s = context;
    const float *z = s->z + y * s->width;
    float *q = s->p + y * s->width;

    (void)worker;
    for (size_t x = 0; x < s->width; x++)
        q[x] = sigmoid_near(s->trust * z[x] + SOLVER_WEIGHT * (2.0f * q[x] - 1.0f));
}

void evidence_add(const float *z, float trust, size_t width, size_t height, struct pool *pool, float *q)
{
    struct spread spread = {.width = width, .height = height, .trust = trust, .p = q};
    union { /* read only */
        const float *in;
        float *out;
    } same = {z};

    spread.z = same.out;
    pool_run(pool, height, add_row, &spread);
}

void evidence_compare(float *q, const float *blind, const float *confidence, size_t count)
{
    double difference = 0.0, possible = 0.0;

    for (size_t i = 0; i < count; i++) {
        float open = 1.0f - confidence[i];
        difference += (double)(open * fabsf(q[i] - blind[i]));
        possible += (double)(open * 4.0f * blind[i] * (1.0f - blind[i]));
    }
    double clear = fmin(fmax((difference - MUTE * possible) / ((CLEAR - MUTE) * possible + 1e-12), 0.0), 1.0);
    float part = (float)(1.0 - 0.5 * clear);
    for (size_t i = 0; i < count; i++)
        q[i] -= part * (blind[i] - 0.5f);
}

/* Where the answer and the model differ about the side of the border, there is a trust that would make them
 * agree: a histogram of these says at once which trust leaves how much contradiction. */
bool evidence_weigh(const float *z, const float *confidence, const float *q, size_t count, double most,
                    float least_trust, float *trust)
{
    double bins[TRUST_BINS + 1] = {0.0}, sure = 0.0, against = 0.0;
    size_t steps = 0;

    for (size_t i = 0; i < count; i++) {
        float answer = SOLVER_WEIGHT * (2.0f * q[i] - 1.0f);
        sure += z[i] > 0.0f ? (double)confidence[i] : 0.0;
        if ((least_trust * z[i] + answer > 0.0f) == (z[i] > 0.0f))
            continue;
        float steps_needed = (-answer / z[i] - least_trust) / TRUST_STEP;
        bins[(size_t)fminf(fmaxf(steps_needed, 0.0f), TRUST_BINS)] += (double)confidence[i];
        against += (double)confidence[i];
    }
    double limit = most * sure;
    if (against > 2.0 * limit)
        return false;
    double allowed = against <= limit ? against : 2.0 * limit - against;
    for (; against > allowed && steps < TRUST_BINS; steps++)
        against -= bins[steps];
    *trust = least_trust + TRUST_STEP * (float)steps;
    return true;
}
