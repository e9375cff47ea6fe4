/* refiner.c: prepare for a picture, then one mask after the other. */
#include "segment/refine/refiner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "segment/refine/compose.h"
#include "segment/refine/evidence.h"
#include "segment/refine/reduce.h"
#include "segment/session.h"

/* Sizes are parts of the diagonal that a 4:3 picture of the same area has, so that panoramas are not coarser.
 */
#define DIAGONAL_OF_AREA (25.0 / 12.0)
#define AREA_FAST (900.0 * 675.0)
#define AREA_BEST (1500.0 * 1125.0)
#define CELL 0.015
#define LUMA 8.0f
#define CHROMA 8.0f
#define MOST_VERTICES 200000 /* noise has a colour of its own in every pixel: look more coarsely then */
#define LAMBDA 32.0f
#define STEPS_FAST 25
#define STEPS_BEST 50

void clipseg_refine_options_default(clipseg_refine_options *options)
{
    *options = (clipseg_refine_options){
        .size = sizeof *options, .mode = CLIPSEG_REFINE_FAST, .trust = 0.8f, .contrast = 8.0f};
}

static clipseg_status build_grid(struct clipseg_refiner *r, clipseg_error *error)
{
    double diagonal = sqrt((double)r->width * (double)r->height * DIAGONAL_OF_AREA);
    struct grid_cell cell = {(float)fmax(1.0, CELL * diagonal), LUMA, CHROMA};
    uint8_t *rgb = memory_aligned(r->width * r->height, 3);
    clipseg_status status = rgb ? CLIPSEG_OK : error_memory(error);

    if (!status)
        status = reduce_picture(r->image, r->pool, r->width, r->height, rgb, error);
    if (!status)
        status = grid_build(&r->grid, rgb, r->width, r->height, &cell, r->pool, error);
    for (; !status && r->grid.vertices > MOST_VERTICES && cell.luma < 128.0f;) {
        cell.luma *= 1.5f;
        cell.chroma *= 1.5f;
        grid_free(&r->grid);
        status = grid_build(&r->grid, rgb, r->width, r->height, &cell, r->pool, error);
    }
    cell.luma = cell.chroma = 1000.0f;
    if (!status)
        status = grid_build(&r->blind_grid, rgb, r->width, r->height, &cell, r->pool, error);
    free(rgb);
    return status;
}

static clipseg_status prepare(struct clipseg_refiner *r, clipseg_error *error)
{
    const clipseg_image *image = r->image;
    bool best = r->options.mode == CLIPSEG_REFINE_BEST;
    double area = (double)image->width * (double)image->height;
    double shrink = fmin(1.0, sqrt((best ? AREA_BEST : AREA_FAST) / area));
    clipseg_status status;

    r->width = size_max(1, (size_t)((double)image->width * shrink + 0.5));
    r->height = size_max(1, (size_t)((double)image->height * shrink + 0.5));
    size_t pixels = r->width * r->height;
    r->z = memory_aligned(pixels, sizeof *r->z);
    r->q = memory_aligned(pixels, sizeof *r->q);
    r->blind = memory_aligned(pixels, sizeof *r->blind);
    r->confidence = memory_aligned(pixels, sizeof *r->confidence);
    status = r->z && r->q && r->blind && r->confidence ? build_grid(r, error) : error_memory(error);
    size_t steps = best ? STEPS_BEST : STEPS_FAST;
    if (!status)
        status = solver_create(&r->solver, &r->grid, r->pool, LAMBDA, steps, error);
    if (!status)
        status = solver_create(&r->blind_solver, &r->blind_grid, r->pool, LAMBDA, steps, error);
    if (!status)
        status =
            upsampler_create(&r->upsampler, image, r->pool, r->width, r->height, r->options.contrast, error);
    return status;
}

static clipseg_status check(const clipseg_refine_options *o, clipseg_error *error)
{
    if (!(o->trust >= 0.0f && o->trust <= REFINE_MOST_TRUST))
        return error_set(error, CLIPSEG_ERROR_USAGE, "trust %g: want 0 to %g", (double)o->trust,
                         (double)REFINE_MOST_TRUST);
    if (!(o->contrast >= 1.0f && o->contrast <= REFINE_MOST_CONTRAST))
        return error_set(error, CLIPSEG_ERROR_USAGE, "contrast %g: want 1 to %g", (double)o->contrast,
                         (double)REFINE_MOST_CONTRAST);
    return CLIPSEG_OK;
}

clipseg_status refiner_create(struct clipseg_refiner **refiner, const struct kernels *kernels,
                              struct pool *pool, const clipseg_image *image, size_t side,
                              const clipseg_refine_options *options, clipseg_error *error)
{
    struct clipseg_refiner *made = memory_zeroed(1, sizeof *made);
    clipseg_status status;

    if (!made)
        return error_memory(error);
    made->kernels = kernels;
    made->pool = pool;
    made->image = image;
    made->side = side;
    clipseg_refine_options_default(&made->options);
    if (options)
        memcpy(&made->options, options, size_min(options->size, sizeof made->options));
    made->clean = memory_aligned(side * side, sizeof *made->clean);
    status = made->clean ? check(&made->options, error) : error_memory(error);
    if (!status && made->options.mode != CLIPSEG_REFINE_OFF)
        status = prepare(made, error);
    if (status)
        clipseg_refiner_close(&made);
    else
        *refiner = made;
    return status;
}

clipseg_status clipseg_refiner_create(clipseg_refiner **refiner, clipseg_session *session,
                                      const clipseg_image *image, const clipseg_refine_options *options,
                                      clipseg_error *error)
{
    if (!session->model->config.has_decoder)
        return error_set(error, CLIPSEG_ERROR_MODEL,
                         "%s: a CLIP model without a decoder has no masks to refine",
                         session->model->checkpoint.name);
    return refiner_create(refiner, &session->model->kernels, session->pool, image, session->decoder.side,
                          options, error);
}

void clipseg_refiner_close(clipseg_refiner **refiner)
{
    struct clipseg_refiner *r = *refiner;

    if (!r)
        return;
    grid_free(&r->grid);
    grid_free(&r->blind_grid);
    solver_free(&r->solver);
    solver_free(&r->blind_solver);
    upsampler_free(&r->upsampler);
    free(r->clean);
    free(r->z);
    free(r->q);
    free(r->blind);
    free(r->confidence);
    free(r);
    *refiner = NULL;
}

/* Does the border (the logit `shift`) cross the map at all? */
static bool has_border(const float *logits, size_t count, float shift)
{
    size_t inside = 0;

    for (size_t i = 0; i < count; i++)
        inside += logits[i] > shift;
    return inside > 0 && inside < count;
}

/* The map at the working size, in r->q; false: better leave the model's answer alone. */
static bool solve(struct clipseg_refiner *r, float shift, bool shared)
{
    size_t pixels = r->width * r->height;
    float trust;

    evidence_spread(r->clean, r->side, shift, r->width, r->height, r->pool, r->z, r->q, r->confidence);
    solver_solve(&r->blind_solver, r->q, r->confidence, r->blind);
    solver_solve(&r->solver, r->q, r->confidence, r->q);
    evidence_compare(r->q, r->blind, r->confidence, pixels);
    if (!evidence_weigh(r->z, r->confidence, r->q, pixels, r->options.trust, shared, &trust))
        return false;
    evidence_add(r->z, trust, r->width, r->height, r->pool, r->q);
    return true;
}

clipseg_status refiner_mask(struct clipseg_refiner *r, const float *logits, float threshold,
                            const struct refined *out, clipseg_error *error)
{
    struct composer composer;
    clipseg_status status;

    evidence_clean(logits, r->side * r->side, r->clean);
    if (r->options.mode == CLIPSEG_REFINE_OFF || !(threshold > 0.0f && threshold < 1.0f))
        return compose_plain(r, r->clean, threshold, out, error);
    float shift = logf(threshold / (1.0f - threshold));
    if (!has_border(r->clean, r->side * r->side, shift) || !solve(r, shift, out->shared))
        return compose_plain(r, r->clean, threshold, out, error);
    status = composer_begin(&composer, r, threshold, out, error);
    if (!status)
        upsampler_apply(&r->upsampler, r->q, compose_tile, &composer);
    composer_end(&composer);
    return status;
}

clipseg_status clipseg_refiner_mask(clipseg_refiner *refiner, const float *logits, float threshold,
                                    float *probability, uint8_t *alpha, clipseg_error *error)
{
    const struct refined out = {.probability = probability, .alpha = alpha};

    return refiner_mask(refiner, logits, threshold, &out, error);
}
