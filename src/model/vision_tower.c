/* vision_tower.c: CLIP's image tower, a ViT (CLIPSegVisionModel).
 *
 *     pixels -> patches -> linear, class token in front, + positions -> norm
 *            -> layers x [norm, attention, norm, MLP]     activations of extract_layers -> reduces -> decoder
 *            -> class token -> norm -> projection = image embedding */
#include "model/vision_tower.h"

#include <string.h>

#include "base/checked.h"
#include "model/position.h"

/* Rows at which the matrix products have reached their speed. */
#define ENOUGH_ROWS 480

size_t vision_tower_take(struct vision_tower *tower, struct arena *arena, const struct config *config,
                         size_t side, size_t threads)
{
    const struct tower_config *vision = &config->vision;
    size_t inputs = 3 * config->patch * config->patch, stride = matrix_stride(vision->hidden);

    tower->side = side;
    tower->grid = side / config->patch;
    tower->rows = 1 + tower->grid * tower->grid;
    tower->batch = size_min((ENOUGH_ROWS + tower->rows - 1) / tower->rows, VISION_MOST_PICTURES);
    size_t rows = tower->batch * tower->rows;
    tower->position = arena_take(arena, tower->rows * stride, sizeof(float));
    tower->pixels = arena_take(arena, tower->batch * 3 * side * side, sizeof(float));
    tower->hidden = arena_take(arena, rows * stride, sizeof(float));
    size_t temporary = arena->used;
    tower->pooled = arena_take(arena, tower->batch * stride, sizeof(float));
    tower->patches =
        arena_take(arena, tower->batch * tower->grid * tower->grid * matrix_stride(inputs), sizeof(float));
    block_scratch_take(&tower->block, arena, rows, vision->hidden, vision->intermediate, vision->heads,
                       tower->batch, tower->rows, threads);
    return temporary;
}

void vision_tower_prepare(struct vision_tower *tower, const struct clipseg_model *model)
{
    const struct vision_weights *w = &model->weights.vision;

    position_interpolate(w->position, w->positions, tower->grid, model->config.vision.hidden, tower->position,
                         tower->block.hidden_stride);
}

/* Every patch of one picture as one row in the order [channel][y][x]. pixels: [3, side, side] */
static void gather_patches(const struct vision_tower *tower, size_t patch, const float *pixels,
                           float *patches)
{
    size_t stride = matrix_stride(3 * patch * patch), plane = tower->side * tower->side;

    for (size_t i = 0; i < tower->grid * tower->grid; i++) {
        const float *corner = pixels + i / tower->grid * patch * tower->side + i % tower->grid * patch;
        float *out = patches + i * stride;
        for (size_t line = 0; line < 3 * patch; line++, out += patch)
            memcpy(out, corner + line / patch * plane + line % patch * tower->side, patch * sizeof(float));
    }
}

/* One picture's patches become its tokens; hidden: [rows, hidden] */
static void embed_picture(const struct vision_tower *tower, const struct clipseg_model *model,
                          const struct compute *compute, const float *patches, float *hidden)
{
    const struct vision_weights *w = &model->weights.vision;
    size_t size = model->config.vision.hidden, stride = tower->block.hidden_stride,
           patch = model->config.patch;

    for (size_t i = 0; i < size; i++)
        hidden[i] = w->class_embedding[i] + tower->position[i];
    linear_apply(compute, &w->patch, tower->rows - 1, patches, matrix_stride(3 * patch * patch), GEMM_NONE,
                 NULL, hidden + stride, stride);
    for (size_t row = 1; row < tower->rows; row++)
        for (size_t i = 0; i < size; i++)
            hidden[row * stride + i] += tower->position[row * stride + i];
}

static void embed_patches(struct vision_tower *tower, const struct clipseg_model *model,
                          const struct compute *compute, size_t count)
{
    size_t stride = tower->block.hidden_stride, patch = model->config.patch,
           patches = tower->grid * tower->grid * matrix_stride(3 * patch * patch);

    stage_enter(compute->stages, STAGE_PATCHES);
    for (size_t i = 0; i < count; i++) {
        gather_patches(tower, patch, tower->pixels + i * 3 * tower->side * tower->side,
                       tower->patches + i * patches);
        embed_picture(tower, model, compute, tower->patches + i * patches,
                      tower->hidden + i * tower->rows * stride);
    }
    stage_enter(compute->stages, STAGE_NORM);
    layer_norm_apply(compute, &model->weights.vision.pre_norm, count * tower->rows, tower->hidden, stride,
                     tower->hidden, stride);
}

/* If the decoder reads this layer, write what it needs of it; a layer may be listed more than once. */
static void reduce_layer(const struct vision_tower *tower, const struct clipseg_model *model,
                         const struct compute *compute, size_t layer, float *reduced, size_t stride)
{
    const struct config *config = &model->config;

    for (size_t i = 0; i < config->extract_count; i++) {
        size_t place = config->extract_count - 1 - i;
        if (config->extract[i] != layer)
            continue;
        stage_enter(compute->stages, STAGE_REDUCE);
        linear_apply(compute, &model->weights.decoder.reduces[place], tower->rows, tower->hidden,
                     tower->block.hidden_stride, GEMM_NONE, NULL, reduced + place * tower->rows * stride,
                     stride);
    }
}

static void observe(const struct vision_tower *tower, size_t layer)
{
    if (tower->observer)
        tower->observer(tower->observer_context, layer, tower->hidden, tower->block.hidden_stride,
                        tower->rows);
}

static struct attention attention_over(const struct vision_tower *tower, const struct clipseg_model *model,
                                       size_t count)
{
    const struct tower_config *vision = &model->config.vision;

    return (struct attention){.heads = vision->heads,
                              .head_size = vision->hidden / vision->heads,
                              .sequences = count,
                              .length = tower->rows};
}

/* The deepest one that the decoder reads. */
static size_t deepest_layer(const struct config *config)
{
    size_t deepest = 0;

    for (size_t i = 0; i < config->extract_count; i++)
        deepest = size_max(deepest, config->extract[i]);
    return deepest;
}

void vision_tower_reduce(struct vision_tower *tower, const struct clipseg_model *model,
                         const struct compute *compute, float *reduced, size_t reduced_stride)
{
    const struct config *config = &model->config;
    struct attention attention = attention_over(tower, model, 1);
    size_t deepest = deepest_layer(config);

    embed_patches(tower, model, compute, 1);
    observe(tower, 0);
    for (size_t i = 0; i <= deepest; i++) {
        block_apply_pre_norm(compute, &model->weights.vision.blocks[i], attention, &tower->block, tower->rows,
                             tower->hidden);
        observe(tower, i + 1);
        reduce_layer(tower, model, compute, i, reduced, reduced_stride);
    }
    stage_enter(compute->stages, STAGE_OTHER);
}

/* The layers from `first` on, and from the class tokens to embeddings. Only the class token is read in the
 * end, so the last block computes nothing else. */
static void finish(struct vision_tower *tower, const struct clipseg_model *model,
                   const struct compute *compute, size_t first, size_t count, float *embeddings)
{
    const struct vision_weights *w = &model->weights.vision;
    struct attention attention = attention_over(tower, model, count);
    size_t stride = tower->block.hidden_stride, last = model->config.vision.layers - 1;
    size_t class_tokens[VISION_MOST_PICTURES];

    for (size_t i = 0; i < count; i++)
        class_tokens[i] = i * tower->rows;
    for (size_t i = first; i < last; i++)
        block_apply_pre_norm(compute, &w->blocks[i], attention, &tower->block, count * tower->rows,
                             tower->hidden);
    attention.queries = 1;
    if (first <= last)
        block_apply_pre_norm_picked(compute, &w->blocks[last], attention, &tower->block, count * tower->rows,
                                    class_tokens, tower->hidden, tower->pooled);
    else
        for (size_t i = 0; i < count; i++)
            memcpy(tower->pooled + i * stride, tower->hidden + class_tokens[i] * stride,
                   stride * sizeof(float));
    layer_norm_apply(compute, &w->post_norm, count, tower->pooled, stride, tower->pooled, stride);
    linear_apply(compute, &w->projection, count, tower->pooled, stride, GEMM_NONE, NULL, embeddings,
                 model->config.projection);
    stage_enter(compute->stages, STAGE_OTHER);
}

void vision_tower_embed(struct vision_tower *tower, const struct clipseg_model *model,
                        const struct compute *compute, size_t count, float *embeddings)
{
    embed_patches(tower, model, compute, count);
    finish(tower, model, compute, 0, count, embeddings);
}

void vision_tower_embed_reduced(struct vision_tower *tower, const struct clipseg_model *model,
                                const struct compute *compute, float *embedding)
{
    finish(tower, model, compute, deepest_layer(&model->config) + 1, 1, embedding);
}
