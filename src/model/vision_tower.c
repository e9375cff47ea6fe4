/* vision_tower.c: CLIP's image tower, a ViT (CLIPSegVisionModel).
 *
 *     pixels -> patches -> linear, class token in front, + positions -> norm
 *            -> layers x [norm, attention, norm, MLP]     activations of extract_layers -> reduces -> decoder
 *            -> class token -> norm -> projection = image embedding */
#include "model/vision_tower.h"

#include <string.h>

#include "model/position.h"

void vision_tower_take(struct vision_tower *tower, struct arena *arena, const struct config *config,
                       size_t side, size_t threads)
{
    const struct tower_config *vision = &config->vision;
    size_t inputs = 3 * config->patch * config->patch;

    tower->side = side;
    tower->grid = side / config->patch;
    tower->rows = 1 + tower->grid * tower->grid;
    block_scratch_take(&tower->block, arena, tower->rows, vision->hidden, vision->intermediate, vision->heads,
                       1, tower->rows, threads);
    tower->position = arena_take(arena, tower->rows * tower->block.hidden_stride, sizeof(float));
    tower->pixels = arena_take(arena, 3 * side * side, sizeof(float));
    tower->patches = arena_take(arena, tower->grid * tower->grid * matrix_stride(inputs), sizeof(float));
    tower->hidden = arena_take(arena, tower->rows * tower->block.hidden_stride, sizeof(float));
    tower->pooled = arena_take(arena, tower->block.hidden_stride, sizeof(float));
}

void vision_tower_prepare(struct vision_tower *tower, const struct clipseg_model *model)
{
    const struct vision_weights *w = &model->weights.vision;

    position_interpolate(w->position, w->positions, tower->grid, model->config.vision.hidden, tower->position,
                         tower->block.hidden_stride);
}

/* Every patch as one row in the order [channel][y][x]. */
static void gather_patches(const struct vision_tower *tower, size_t patch)
{
    size_t stride = matrix_stride(3 * patch * patch), plane = tower->side * tower->side;

    for (size_t i = 0; i < tower->grid * tower->grid; i++) {
        const float *corner = tower->pixels + i / tower->grid * patch * tower->side + i % tower->grid * patch;
        float *out = tower->patches + i * stride;
        for (size_t line = 0; line < 3 * patch; line++, out += patch)
            memcpy(out, corner + line / patch * plane + line % patch * tower->side, patch * sizeof(float));
    }
}

static void embed_patches(struct vision_tower *tower, const struct clipseg_model *model,
                          const struct compute *compute)
{
    const struct vision_weights *w = &model->weights.vision;
    size_t hidden = model->config.vision.hidden, stride = tower->block.hidden_stride,
           patch = model->config.patch;

    stage_enter(compute->stages, STAGE_PATCHES);
    gather_patches(tower, patch);
    for (size_t i = 0; i < hidden; i++)
        tower->hidden[i] = w->class_embedding[i] + tower->position[i];
    linear_apply(compute, &w->patch, tower->rows - 1, tower->patches, matrix_stride(3 * patch * patch),
                 GEMM_NONE, NULL, tower->hidden + stride, stride);
    for (size_t row = 1; row < tower->rows; row++)
        for (size_t i = 0; i < hidden; i++)
            tower->hidden[row * stride + i] += tower->position[row * stride + i];
    stage_enter(compute->stages, STAGE_NORM);
    layer_norm_apply(compute, &w->pre_norm, tower->rows, tower->hidden, stride, tower->hidden, stride);
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

static size_t layers_to_run(const struct config *config, bool want_embedding)
{
    size_t deepest = 0;

    for (size_t i = 0; i < config->extract_count; i++)
        deepest = config->extract[i] > deepest ? config->extract[i] : deepest;
    return want_embedding ? config->vision.layers : deepest + 1;
}

static void observe(const struct vision_tower *tower, size_t layer)
{
    if (tower->observer)
        tower->observer(tower->observer_context, layer, tower->hidden, tower->block.hidden_stride,
                        tower->rows);
}

void vision_tower_apply(struct vision_tower *tower, const struct clipseg_model *model,
                        const struct compute *compute, float *reduced, size_t reduced_stride,
                        float *embedding)
{
    const struct config *config = &model->config;
    const struct vision_weights *w = &model->weights.vision;
    size_t hidden = config->vision.hidden, layers = layers_to_run(config, embedding != NULL);
    struct attention attention = {.heads = config->vision.heads,
                                  .head_size = hidden / config->vision.heads,
                                  .sequences = 1,
                                  .length = tower->rows};

    embed_patches(tower, model, compute);
    observe(tower, 0);
    for (size_t i = 0; i < layers; i++) {
        block_apply_pre_norm(compute, &w->blocks[i], attention, &tower->block, tower->rows, tower->hidden);
        observe(tower, i + 1);
        if (reduced)
            reduce_layer(tower, model, compute, i, reduced, reduced_stride);
    }
    if (embedding) {
        layer_norm_apply(compute, &w->post_norm, 1, tower->hidden, tower->block.hidden_stride, tower->pooled,
                         tower->block.hidden_stride);
        linear_apply(compute, &w->projection, 1, tower->pooled, tower->block.hidden_stride, GEMM_NONE, NULL,
                     embedding, config->projection);
    }
    stage_enter(compute->stages, STAGE_OTHER);
}
