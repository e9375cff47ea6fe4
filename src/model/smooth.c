/* smooth.c: SmoothQuant for the image tower. */
#include "model/smooth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/memory.h"
#include "model/pack.h"
#include "model/preprocess.h"
#include "model/vision_tower.h"

#define MOST_FACTOR 64.0f /* a factor is between this and its inverse */

/* The largest magnitude of every channel that a layer reads: after norm1, after norm2, after attention. */
struct block_range {
    float *norm1, *norm2, *attended; /* [hidden] */
};

struct watch {
    const struct vision_weights *weights;
    const struct config *config;
    struct block_range *ranges; /* [layers] */
};

/* ---- watching */

static void widen(float *largest, size_t channels, size_t rows, const float *x, size_t stride)
{
    for (size_t row = 0; row < rows; row++, x += stride)
        for (size_t i = 0; i < channels; i++)
            largest[i] = fmaxf(largest[i], fabsf(x[i]));
}

static void note_input(void *context, const struct linear *layer, size_t rows, const float *x, size_t stride)
{
    const struct watch *watch = context;
    size_t hidden = watch->config->vision.hidden;

    for (size_t i = 0; i < watch->config->vision.layers; i++) {
        const struct block *block = &watch->weights->blocks[i];
        const struct block_range *range = &watch->ranges[i];
        if (layer == &block->qkv)
            widen(range->norm1, hidden, rows, x, stride);
        else if (layer == &block->fc1)
            widen(range->norm2, hidden, rows, x, stride);
        else if (layer == &block->projection)
            widen(range->attended, hidden, rows, x, stride);
    }
}

static struct block_range *allocate_ranges(size_t layers, size_t hidden)
{
    struct block_range *ranges = memory_zeroed(layers, sizeof *ranges);
    float *all = ranges ? memory_zeroed(layers * 3 * hidden, sizeof *all) : NULL;

    if (!all) {
        free(ranges);
        return NULL;
    }
    for (size_t i = 0; i < layers; i++, all += 3 * hidden)
        ranges[i] = (struct block_range){all, all + hidden, all + 2 * hidden};
    return ranges;
}

static void free_ranges(struct block_range *ranges)
{
    free(ranges[0].norm1);
    free(ranges);
}

/* ---- moving factors */

/* Element [row, column] of a packed matrix with `in` columns. */
static float *packed_element(const struct linear *linear, size_t row, size_t column)
{
    float *weight = (float *)(uintptr_t)linear->weight; /* packed by the caller, who owns them */

    return weight + row / PANEL * PANEL * linear->in + column * PANEL + row % PANEL;
}

/* What to divide an input channel by, so that it and the weights that read it are equally wide. */
static float factor_of(const struct linear *reader, size_t channel, float largest)
{
    float weight = 0.0f;

    for (size_t row = 0; row < reader->out; row++)
        weight = fmaxf(weight, fabsf(*packed_element(reader, row, channel)));
    if (largest <= 0.0f || weight <= 0.0f)
        return 1.0f;
    return fminf(MOST_FACTOR, fmaxf(1.0f / MOST_FACTOR, sqrtf(largest / weight)));
}

static void multiply_column(const struct linear *reader, size_t channel, float factor)
{
    for (size_t row = 0; row < reader->out; row++)
        *packed_element(reader, row, channel) *= factor;
}

static void smooth_norm(const struct layer_norm *norm, const struct linear *reader, const float *largest)
{
    float *gamma = (float *)(uintptr_t)norm->gamma, *beta = (float *)(uintptr_t)norm->beta;

    for (size_t i = 0; i < norm->size; i++) {
        float factor = factor_of(reader, i, largest[i]);
        gamma[i] /= factor;
        beta[i] /= factor;
        multiply_column(reader, i, factor);
    }
}

/* Attention mixes values channel by channel, so a factor passes from the output projection to the values. */
static void smooth_values(const struct linear *qkv, const struct linear *projection, const float *largest)
{
    size_t hidden = qkv->in;
    float *bias = (float *)(uintptr_t)qkv->bias;

    for (size_t i = 0; i < hidden; i++) {
        float factor = factor_of(projection, i, largest[i]);
        size_t row = 2 * hidden + i;
        for (size_t column = 0; column < hidden; column++)
            *packed_element(qkv, row, column) /= factor;
        bias[row] /= factor;
        multiply_column(projection, i, factor);
    }
}

/* ---- */

static clipseg_status watch_pictures(const clipseg_model *model, const struct calibration *pictures,
                                     struct vision_tower *tower, const struct compute *compute,
                                     float *embedding, clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;

    for (size_t i = 0; !status && i < pictures->count; i++) {
        clipseg_image image = {0};
        status = pictures->load(pictures->context, i, &image, error);
        if (!status)
            status = preprocess_apply(&model->preprocess, &model->kernels, &image, tower->side, tower->pixels,
                                      error);
        if (!status)
            vision_tower_embed(tower, model, compute, 1, embedding);
        clipseg_image_free(&image);
    }
    return status;
}

clipseg_status smooth_vision(clipseg_model *model, const struct calibration *pictures, size_t threads,
                             clipseg_error *error)
{
    const struct config *config = &model->config;
    clipseg_model_info info;
    struct watch watch = {&model->weights.vision, config, NULL};
    struct vision_tower tower = {0};
    struct arena arena = {0};
    struct stages stages = {0};
    struct pool *pool = pool_create(threads);
    size_t side, hidden = config->vision.hidden;
    float *embedding = memory_aligned(config->projection, sizeof *embedding);
    clipseg_status status = error_memory(error);

    clipseg_model_get_info(model, &info);
    side = info.image_size;
    watch.ranges = allocate_ranges(config->vision.layers, hidden);
    if (pool && embedding && watch.ranges) {
        struct compute compute = {.kernels = &model->kernels,
                                  .pool = pool,
                                  .stages = &stages,
                                  .watch = note_input,
                                  .watch_context = &watch};
        vision_tower_take(&tower, &arena, config, side, pool_threads(pool));
        if (arena_allocate(&arena)) {
            vision_tower_take(&tower, &arena, config, side, pool_threads(pool));
            vision_tower_prepare(&tower, model);
            status = watch_pictures(model, pictures, &tower, &compute, embedding, error);
        }
    }
    for (size_t i = WORD_LAYERS; !status && i < config->vision.layers; i++) {
        const struct block *block = &model->weights.vision.blocks[i];
        smooth_values(&block->qkv, &block->projection, watch.ranges[i].attended);
        smooth_norm(&block->norm1, &block->qkv, watch.ranges[i].norm1);
        smooth_norm(&block->norm2, &block->fc1, watch.ranges[i].norm2);
    }
    if (watch.ranges)
        free_ranges(watch.ranges);
    free(embedding);
    arena_free(&arena);
    pool_free(pool);
    return status;
}
