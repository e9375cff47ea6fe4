/* upsample.c: tiles, and the filter where they are undecided. */
#include "segment/refine/upsample.h"

#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "segment/refine/guided.h"

#define TILE 128
#define RADIUS 0.0015 /* of the diagonal */
#define EPSILON 1e-4f

clipseg_status upsampler_create(struct upsampler *up, const clipseg_image *image, struct pool *pool,
                                size_t width, size_t height, float contrast, clipseg_error *error)
{
    double diagonal =
        sqrt((double)image->width * (double)image->height * (25.0 / 12.0)); /* of a 4:3 picture */
    size_t count, side;

    *up = (struct upsampler){
        .image = image, .pool = pool, .width = width, .height = height, .contrast = contrast};
    up->radius = size_max(2, (size_t)(RADIUS * diagonal + 0.5));
    up->tile = size_max(TILE, 8 * up->radius);
    side = up->tile + 4 * up->radius;
    up->scratch_size = round_up(side * side + up->tile * up->tile + guided_scratch(side, up->radius), 16);
    if (size_multiply(up->scratch_size, pool_threads(pool), &count))
        up->scratch = memory_aligned(count, sizeof *up->scratch);
    up->columns = memory_aligned(image->width, sizeof *up->columns);
    if (!up->scratch || !up->columns) {
        upsampler_free(up);
        return error_memory(error);
    }
    for (size_t x = 0; x < image->width; x++)
        up->columns[x] = sample_at(x, width, image->width);
    return CLIPSEG_OK;
}

void upsampler_free(struct upsampler *up)
{
    free(up->scratch);
    free(up->columns);
    *up = (struct upsampler){0};
}

struct job {
    const struct upsampler *up;
    const float *q;
    tile_function *emit;
    void *context;
    size_t columns; /* of tiles */
};

static float sharpen(float q, float contrast)
{
    return fminf(fmaxf((q - 0.5f) * contrast + 0.5f, 0.0f), 1.0f);
}

/* The tile with `margin` around it, as far as the picture goes. */
static struct rectangle grow(const struct rectangle *r, size_t margin, const clipseg_image *image)
{
    size_t left = r->left - size_min(margin, r->left), top = r->top - size_min(margin, r->top);
    size_t right = size_min(r->left + r->width + margin, image->width);
    size_t bottom = size_min(r->top + r->height + margin, image->height);

    return (struct rectangle){left, top, right - left, bottom - top};
}

/* Is everything that the region reads saturated to the same side? */
static bool is_decided(const struct job *job, const struct rectangle *region, float *value)
{
    const struct upsampler *up = job->up;
    size_t x0 = up->columns[region->left].cell, x1 = up->columns[region->left + region->width - 1].next;
    size_t y0 = sample_at(region->top, up->height, up->image->height).cell;
    size_t y1 = sample_at(region->top + region->height - 1, up->height, up->image->height).next;

    *value = sharpen(job->q[y0 * up->width + x0], up->contrast);
    if (*value > 0.0f && *value < 1.0f)
        return false;
    for (size_t y = y0; y <= y1; y++)
        for (size_t x = x0; x <= x1; x++)
            if (sharpen(job->q[y * up->width + x], up->contrast) != *value)
                return false;
    return true;
}

/* out: [region height, region width] */
static void enlarge(const struct job *job, const struct rectangle *region, float *out)
{
    const struct upsampler *up = job->up;

    for (size_t y = 0; y < region->height; y++) {
        struct sample row = sample_at(region->top + y, up->height, up->image->height);
        const float *top = job->q + row.cell * up->width, *bottom = job->q + row.next * up->width;
        for (size_t x = 0; x < region->width; x++) {
            const struct sample c = up->columns[region->left + x];
            float upper = top[c.cell] + c.weight * (top[c.next] - top[c.cell]);
            float lower = bottom[c.cell] + c.weight * (bottom[c.next] - bottom[c.cell]);
            *out++ = sharpen(upper + row.weight * (lower - upper), up->contrast);
        }
    }
}

static void refine_tile(void *context, size_t number, size_t worker)
{
    const struct job *job = context;
    const struct upsampler *up = job->up;
    const clipseg_image *image = up->image;
    struct rectangle tile = {number % job->columns * up->tile, number / job->columns * up->tile, 0, 0};
    float *input = up->scratch + worker * up->scratch_size, value;

    tile.width = size_min(up->tile, image->width - tile.left);
    tile.height = size_min(up->tile, image->height - tile.top);
    struct rectangle region = grow(&tile, 2 * up->radius, image);
    if (is_decided(job, &region, &value)) {
        job->emit(job->context, &tile, NULL, value);
        return;
    }
    float *alpha = input + region.width * region.height, *scratch = alpha + tile.width * tile.height;
    struct guided_tile guided = {.rgb = image->rgb + 3 * (region.top * image->width + region.left),
                                 .stride = 3 * image->width,
                                 .input = input,
                                 .width = region.width,
                                 .height = region.height,
                                 .left = tile.left - region.left,
                                 .top = tile.top - region.top,
                                 .tile_width = tile.width,
                                 .tile_height = tile.height};
    enlarge(job, &region, input);
    guided_filter(&guided, up->radius, EPSILON, scratch, alpha);
    for (size_t i = 0; i < tile.width * tile.height; i++)
        alpha[i] = fminf(fmaxf(alpha[i], 0.0f), 1.0f);
    job->emit(job->context, &tile, alpha, 0.0f);
}

void upsampler_apply(const struct upsampler *up, const float *q, tile_function *emit, void *context)
{
    size_t columns = (up->image->width + up->tile - 1) / up->tile;
    size_t rows = (up->image->height + up->tile - 1) / up->tile;
    struct job job = {up, q, emit, context, columns};

    pool_run(up->pool, columns * rows, refine_tile, &job);
}
