/* shape.c: threshold, then drop, fill, grow, shrink, invert, feather. */
#include "segment/shape.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

struct work {
    struct pool *pool;
    size_t width, height, pixels;
    uint8_t *mask;      /* [height, width] of 0 and 1 */
    uint32_t *distance; /* [height, width] scratch, NULL when nothing measures */
};

bool shape_wanted(const struct shape_options *o)
{
    return o->min_area.value > 0.0 || o->fill_holes || o->grow.value > 0.0 || o->shrink.value > 0.0 ||
           o->invert || o->feather.value > 0.0;
}

static double pixels_of(const struct work *w, struct extent length)
{
    return length.percent ? length.value / 100.0 * (double)(w->width < w->height ? w->width : w->height)
                          : length.value;
}

/* Everything not further than `radius` from a pixel of `value` becomes `value` too. */
static clipseg_status spread(const struct work *w, uint8_t value, double radius, clipseg_error *error)
{
    double square = fmin(radius, DISTANCE_MOST) * fmin(radius, DISTANCE_MOST);
    uint32_t limit = square >= UINT32_MAX ? UINT32_MAX - 1 : (uint32_t)square;
    clipseg_status status =
        distance_transform(w->pool, w->mask, value, w->width, w->height, w->distance, error);

    for (size_t i = 0; !status && i < w->pixels; i++)
        w->mask[i] = w->distance[i] <= limit ? value : w->mask[i];
    return status;
}

/* A ramp of this width, its middle on the edge, which lies half a pixel from the centres beside it. */
static clipseg_status feather(const struct work *w, double ramp, float *out, clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;

    for (uint8_t value = 0; !status && value <= 1; value++) {
        float sign = value ? -1.0f : 1.0f;
        status = distance_transform(w->pool, w->mask, value, w->width, w->height, w->distance, error);
        for (size_t i = 0; !status && i < w->pixels; i++)
            if (w->mask[i] != value) {
                float away = (sqrtf((float)w->distance[i]) - 0.5f) / (float)ramp;
                out[i] = 0.5f + sign * fminf(away, 0.5f);
            }
    }
    return status;
}

static clipseg_status change(const struct work *w, const struct shape_options *o, clipseg_error *error)
{
    double area = o->min_area.percent ? o->min_area.value / 100.0 * (double)w->pixels : o->min_area.value;
    clipseg_status status = CLIPSEG_OK;

    if (area > 0.0)
        status = components_drop_small(w->mask, w->width, w->height, (size_t)ceil(area), error);
    if (!status && o->fill_holes)
        status = components_fill_holes(w->mask, w->width, w->height, error);
    if (!status && o->grow.value > 0.0)
        status = spread(w, 1, pixels_of(w, o->grow), error);
    if (!status && o->shrink.value > 0.0)
        status = spread(w, 0, pixels_of(w, o->shrink), error);
    return status;
}

/* Coverage stays soft where the edge stayed: where what lies across it is nearer than anything that changed.
 * So the fringe of a dropped part goes with it, and that of a filled hole. changed: the mask as it was;
 * overwritten. */
static clipseg_status keep_soft(const struct work *w, uint8_t *changed, uint8_t *alpha, clipseg_error *error)
{
    bool any = false;

    for (size_t i = 0; i < w->pixels; i++) {
        changed[i] ^= w->mask[i];
        any = any || changed[i];
    }
    if (!any)
        return CLIPSEG_OK;
    uint32_t *away = memory_aligned(w->pixels, sizeof *away);
    clipseg_status status = away ? distance_transform(w->pool, changed, 1, w->width, w->height, away, error)
                                 : error_memory(error);
    for (uint8_t value = 0; !status && value <= 1; value++) {
        status = distance_transform(w->pool, w->mask, value, w->width, w->height, w->distance, error);
        for (size_t i = 0; !status && i < w->pixels; i++)
            if (w->mask[i] != value && away[i] <= w->distance[i])
                alpha[i] = w->mask[i] ? 255 : 0;
    }
    free(away);
    return status;
}

/* All but the feather. alpha: NULL, or the coverage to be kept up. */
static clipseg_status reshape(const struct work *w, const struct shape_options *o, uint8_t *alpha,
                              clipseg_error *error)
{
    uint8_t *before = alpha ? memory_aligned(w->pixels, 1) : NULL;
    clipseg_status status = alpha && !before ? error_memory(error) : CLIPSEG_OK;

    if (before)
        memcpy(before, w->mask, w->pixels);
    if (!status)
        status = change(w, o, error);
    if (!status && alpha)
        status = keep_soft(w, before, alpha, error);
    for (size_t i = 0; !status && o->invert && i < w->pixels; i++) {
        w->mask[i] ^= 1;
        if (alpha)
            alpha[i] ^= 255;
    }
    free(before);
    return status;
}

clipseg_status shape_apply(struct pool *pool, const struct shape_options *o, float threshold, size_t width,
                           size_t height, float *probability, uint8_t *alpha, clipseg_error *error)
{
    struct work w = {.pool = pool, .width = width, .height = height, .pixels = width * height};
    bool feathers = o->feather.value > 0.0;
    bool measures = o->grow.value > 0.0 || o->shrink.value > 0.0 || feathers || alpha;
    clipseg_status status = CLIPSEG_OK;

    w.mask = memory_aligned(w.pixels, 1);
    w.distance = measures ? memory_aligned(w.pixels, sizeof *w.distance) : NULL;
    if (!w.mask || (measures && !w.distance))
        status = error_memory(error);
    for (size_t i = 0; !status && i < w.pixels; i++)
        w.mask[i] = probability[i] > threshold;
    if (!status)
        status = reshape(&w, o, feathers ? NULL : alpha, error);
    for (size_t i = 0; !status && i < w.pixels; i++)
        probability[i] = w.mask[i];
    if (!status && feathers)
        status = feather(&w, pixels_of(&w, o->feather), probability, error);
    for (size_t i = 0; !status && feathers && alpha && i < w.pixels; i++)
        alpha[i] = (uint8_t)(probability[i] * 255.0f + 0.5f);
    free(w.mask);
    free(w.distance);
    return status;
}
