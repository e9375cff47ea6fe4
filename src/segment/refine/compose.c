/* compose.c: the probability that goes with a refined coverage is the model's own, but on the right side of
 * the threshold: where the two disagree it is half-way between the threshold and certainty. So masks are
 * crisp, and heatmaps still tell how sure the model is. */
#include "segment/refine/compose.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "segment/enlarge.h"

clipseg_status composer_begin(struct composer *composer, const struct clipseg_refiner *refiner,
                              float threshold, const struct refined *out, clipseg_error *error)
{
    size_t width = refiner->image->width;

    *composer = (struct composer){.refiner = refiner, .threshold = threshold, .out = *out};
    composer->left = memory_aligned(width, sizeof *composer->left);
    composer->weight = memory_aligned(width, sizeof *composer->weight);
    if (!composer->left || !composer->weight)
        return error_memory(error);
    for (size_t x = 0; x < width; x++)
        composer->left[x] = enlarge_source(x, refiner->side, width, &composer->weight[x]);
    return CLIPSEG_OK;
}

void composer_end(struct composer *composer)
{
    free(composer->left);
    free(composer->weight);
}

/* probability: the model's on entry. coverage: [width], or NULL when all is `value`. */
static void agree_row(size_t width, const float *coverage, float value, float threshold, float *probability)
{
    float inside = 0.5f * (threshold + 1.0f), outside = 0.5f * threshold;

    if (!coverage && value > 0.5f) {
        for (size_t x = 0; x < width; x++)
            probability[x] = probability[x] > inside ? probability[x] : inside;
    } else if (!coverage) {
        for (size_t x = 0; x < width; x++)
            probability[x] = probability[x] < outside ? probability[x] : outside;
    } else {
        for (size_t x = 0; x < width; x++) {
            float p = probability[x], c = 2.0f * coverage[x] - 1.0f;
            float high = threshold + c * ((p > inside ? p : inside) - threshold);
            float low = threshold + c * (threshold - (p < outside ? p : outside));
            probability[x] = c > 0.0f ? high : low;
        }
    }
}

static uint8_t to_byte(float coverage)
{
    return (uint8_t)(coverage * 255.0f + 0.5f);
}

static void write_probability(const struct composer *c, size_t x, size_t y, size_t width,
                              const float *coverage, float value)
{
    const struct clipseg_refiner *r = c->refiner;
    float weight, *out = c->out.probability + y * r->image->width + x;
    const float *top = r->clean + (size_t)enlarge_source(y, r->side, r->image->height, &weight) * r->side;

    r->kernels->enlarge_row(width, top, top + r->side, weight, c->left + x, c->weight + x, out);
    agree_row(width, coverage, value, c->threshold, out);
}

void compose_tile(void *context, const struct rectangle *place, const float *coverage, float value)
{
    const struct composer *c = context;
    size_t stride = c->refiner->image->width, width = place->width;

    for (size_t y = 0; y < place->height; y++) {
        const float *row = coverage ? coverage + y * width : NULL;
        size_t at = (place->top + y) * stride + place->left;
        if (c->out.probability)
            write_probability(c, place->left, place->top + y, width, row, value);
        for (size_t x = 0; c->out.soft && x < width; x++)
            c->out.soft[at + x] = row ? row[x] : value;
        for (size_t x = 0; c->out.alpha && x < width; x++)
            c->out.alpha[at + x] = to_byte(row ? row[x] : value);
    }
}

/* ---- the bilinear enlargement */

struct plain {
    size_t width;
    float threshold, contrast;
    const float *probability; /* may be out.soft */
    struct refined out;
};

/* How far a probability lies above the threshold in units of it: 1/2 at the threshold. Not finite: not found.
 */
static float coverage_of(const struct plain *plain, float p)
{
    float t = plain->threshold, side = p * (1.0f - t) / (p * (1.0f - t) + (1.0f - p) * t);

    if (!(t > 0.0f && t < 1.0f))
        return p > t ? 1.0f : 0.0f;
    side = (side - 0.5f) * plain->contrast + 0.5f;
    return side > 0.0f ? fminf(side, 1.0f) : 0.0f;
}

static void plain_row(void *context, size_t y, size_t worker)
{
    const struct plain *plain = context;

    (void)worker;
    for (size_t i = y * plain->width; i < (y + 1) * plain->width; i++) {
        float coverage = coverage_of(plain, plain->probability[i]);
        if (plain->out.soft)
            plain->out.soft[i] = coverage;
        if (plain->out.alpha)
            plain->out.alpha[i] = to_byte(coverage);
    }
}

clipseg_status compose_plain(const struct clipseg_refiner *refiner, const float *logits, float threshold,
                             const struct refined *out, clipseg_error *error)
{
    const clipseg_image *image = refiner->image;
    float *scratch = NULL, *probability = out->probability ? out->probability : out->soft;
    clipseg_status status = CLIPSEG_OK;

    if (!probability)
        probability = scratch = memory_aligned(image->width * image->height, sizeof *scratch);
    if (!probability)
        return error_memory(error);
    status = enlarge(refiner->kernels, refiner->pool, logits, refiner->side, image->width, image->height,
                     probability, error);
    if (!status && (out->soft || out->alpha)) {
        struct plain plain = {image->width, threshold, refiner->options.contrast, probability, *out};
        pool_run(refiner->pool, image->height, plain_row, &plain);
    }
    free(scratch);
    return status;
}
