/* decoder.c: CLIPSeg's decoder (paper, figure 2; CLIPSegDecoder).
 *
 *     deepest activation -> reduce -> FiLM(prompt) -> block -+-> block -+-> block -> without class token ->
 * head next activation -> reduce ------------+          | shallowest activation -> reduce -----------------+
 *
 * head, complex: 3x3 convolution, relu, two transposed convolutions with relu between; simple: one transposed
 * convolution. Prompts differ only from FiLM on, so all of a batch go through the blocks side by side. */
#include "model/decoder.h"

#include <string.h>

size_t decoder_side(const struct config *config, size_t grid)
{
    size_t quarter = config->patch / 4;

    return grid * (config->complex_head ? quarter * quarter : config->patch);
}

void decoder_take(struct decoder *decoder, struct arena *arena, const struct config *config, size_t grid,
                  size_t threads)
{
    const struct tower_config *d = &config->decoder;
    size_t reduce = d->hidden, cells = grid * grid, quarter = config->patch / 4, half = reduce / 2;

    decoder->grid = grid;
    decoder->rows = 1 + cells;
    decoder->side = decoder_side(config, grid);
    block_scratch_take(&decoder->block, arena, DECODER_BATCH * decoder->rows, reduce, d->intermediate,
                       d->heads, DECODER_BATCH, decoder->rows, threads);
    decoder->stride = decoder->block.hidden_stride;
    decoder->film_mul = arena_take(arena, DECODER_BATCH * reduce, sizeof(float));
    decoder->film_add = arena_take(arena, DECODER_BATCH * reduce, sizeof(float));
    decoder->hidden = arena_take(arena, DECODER_BATCH * decoder->rows * decoder->stride, sizeof(float));
    if (!config->complex_head) {
        decoder->last_products =
            arena_take(arena, cells * matrix_stride(config->patch * config->patch), sizeof(float));
        return;
    }
    decoder->columns = arena_take(arena, cells * matrix_stride(9 * reduce), sizeof(float));
    decoder->convolved = arena_take(arena, cells * decoder->stride, sizeof(float));
    decoder->products = arena_take(arena, cells * matrix_stride(quarter * quarter * half), sizeof(float));
    decoder->enlarged = arena_take(arena, cells * quarter * quarter * half, sizeof(float));
    decoder->last_products =
        arena_take(arena, cells * quarter * quarter * matrix_stride(quarter * quarter), sizeof(float));
}

/* One prompt's tokens, without the class token, to logits [side, side]. */
static void apply_head(const struct decoder *decoder, const struct clipseg_model *model,
                       const struct compute *compute, const float *tokens, float *logits)
{
    const struct decoder_weights *w = &model->weights.decoder;
    size_t grid = decoder->grid, patch = model->config.patch, quarter = patch / 4;
    size_t reduce = model->config.decoder.hidden, half = reduce / 2;

    if (!model->config.complex_head) {
        convolution_transposed(compute, &w->last, grid, grid, patch, 1, tokens, decoder->stride,
                               decoder->last_products, GEMM_NONE, logits, 1);
        return;
    }
    convolution_3x3(compute, &w->convolution, grid, grid, reduce, tokens, decoder->stride, decoder->columns,
                    GEMM_RELU, decoder->convolved, decoder->stride);
    convolution_transposed(compute, &w->middle, grid, grid, quarter, half, decoder->convolved,
                           decoder->stride, decoder->products, GEMM_RELU, decoder->enlarged, half);
    convolution_transposed(compute, &w->last, grid * quarter, grid * quarter, quarter, 1, decoder->enlarged,
                           half, decoder->last_products, GEMM_NONE, logits, 1);
}

/* x = reduced (first step) or x += reduced, for every prompt. */
static void join_activation(const struct decoder *decoder, size_t reduce, const float *reduced, size_t count,
                            bool first)
{
    for (size_t row = 0; row < count * decoder->rows; row++) {
        const float *from = reduced + row % decoder->rows * decoder->stride;
        float *x = decoder->hidden + row * decoder->stride;
        if (first)
            memcpy(x, from, reduce * sizeof(float));
        else
            for (size_t i = 0; i < reduce; i++)
                x[i] += from[i];
    }
}

static void condition(const struct decoder *decoder, const struct clipseg_model *model,
                      const struct compute *compute, const float *embeddings, size_t count)
{
    const struct decoder_weights *w = &model->weights.decoder;
    size_t projection = model->config.projection, reduce = model->config.decoder.hidden;

    linear_apply(compute, &w->film_mul, count, embeddings, projection, GEMM_NONE, NULL, decoder->film_mul,
                 reduce);
    linear_apply(compute, &w->film_add, count, embeddings, projection, GEMM_NONE, NULL, decoder->film_add,
                 reduce);
    for (size_t i = 0; i < count; i++) {
        float *x = decoder->hidden + i * decoder->rows * decoder->stride;
        film_apply(decoder->rows, reduce, decoder->film_mul + i * reduce, decoder->film_add + i * reduce, x,
                   x, decoder->stride);
    }
}

static void observe(const struct decoder *decoder, size_t layer, size_t count)
{
    if (decoder->observer)
        decoder->observer(decoder->observer_context, layer, decoder->hidden, decoder->stride,
                          count * decoder->rows);
}

void decoder_apply(struct decoder *decoder, const struct clipseg_model *model, const struct compute *compute,
                   const float *reduced, const float *embeddings, size_t count, float *logits)
{
    const struct config *config = &model->config;
    size_t reduce = config->decoder.hidden;
    struct attention attention = {.heads = config->decoder.heads,
                                  .head_size = reduce / config->decoder.heads,
                                  .sequences = count,
                                  .length = decoder->rows};

    stage_group_begin(compute->stages, STAGE_DECODER);
    for (size_t i = 0; i < config->extract_count; i++) {
        join_activation(decoder, reduce, reduced + i * decoder->rows * decoder->stride, count, i == 0);
        if (i == config->conditional_layer)
            condition(decoder, model, compute, embeddings, count);
        if (i == 0)
            observe(decoder, 0, count);
        block_apply_post_norm(compute, &model->weights.decoder.blocks[i], attention, &decoder->block,
                              count * decoder->rows, decoder->hidden);
        observe(decoder, i + 1, count);
    }
    stage_group_end(compute->stages);
    stage_group_begin(compute->stages, STAGE_HEAD);
    for (size_t i = 0; i < count; i++)
        apply_head(decoder, model, compute, decoder->hidden + (i * decoder->rows + 1) * decoder->stride,
                   logits + i * decoder->side * decoder->side);
    stage_group_end(compute->stages);
}
