/* evidence.c: logits to target and confidence before the solver, and back into its answer afterwards. */
#include "segment/refine/evidence.h"

#define INFINITE 30.0f
#define LEAST_CONFIDENCE 0.002f
#define SOLVER_WEIGHT 6.0f
#define MUTE 0.05 /* less difference: the colours say nothing; noise reaches 0.03 */
#define CLEAR 0.12
#define CONTRADICTION 0.03 /* of the model's sure pixels inside */
#define MOST_CONTRADICTION 0.06
#define LOSS 0.08 /* of the area */
#define MOST_LOSS 0.10
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

/* What the answer does that the model would not, by the trust that would prevent it. */
struct tally {
    double bins[TRUST_BINS + 1]; /* with so many steps more trust it is gone */
    double sum;
};

static void tally_add(struct tally *tally, size_t steps, double what)
{
    tally->bins[steps] += what;
    tally->sum += what;
}

/* The steps to what is allowed: as much as there is up to `limit`, less the more it is above, nothing of
 * `most`. false: it is more than that. */
static bool tally_steps(const struct tally *tally, double limit, double most, size_t *steps)
{
    double left = tally->sum, allowed = left > limit ? limit * (most - left) / (most - limit) : left;

    if (left > most)
        return false;
    for (*steps = 0; left > allowed && *steps < TRUST_BINS; ++*steps)
        left -= tally->bins[*steps];
    return true;
}

bool evidence_weigh(const float *z, const float *confidence, const float *q, size_t count, float least_trust,
                    bool shared, float *trust)
{
    struct tally against = {{0.0}, 0.0}, lost = {{0.0}, 0.0};
    double sure = 0.0, inside = 0.0;
    size_t steps, more = 0;

    for (size_t i = 0; i < count; i++) {
        float answer = SOLVER_WEIGHT * (2.0f * q[i] - 1.0f);
        bool thing = z[i] > 0.0f;
        sure += thing ? (double)confidence[i] : 0.0;
        inside += thing;
        if ((least_trust * z[i] + answer > 0.0f) == thing)
            continue;
        float needed = (-answer / z[i] - least_trust) / TRUST_STEP;
        size_t bin = (size_t)fminf(fmaxf(needed, 0.0f), TRUST_BINS);
        tally_add(&against, bin, (double)confidence[i]);
        tally_add(&lost, bin, thing ? 1.0 : -1.0);
    }
    if (!tally_steps(&against, CONTRADICTION * sure, MOST_CONTRADICTION * sure, &steps) ||
        (!shared && !tally_steps(&lost, LOSS * inside, MOST_LOSS * inside, &more)))
        return false;
    *trust = least_trust + TRUST_STEP * (float)(more > steps ? more : steps);
    return true;
}
