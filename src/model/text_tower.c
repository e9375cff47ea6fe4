/* text_tower.c: CLIP's text tower (CLIPSegTextModel).
 *
 *     ids -> token embedding + position embedding -> layers x [norm, causal attention, norm, MLP] -> norm
 *         -> the row of the end token -> projection
 *
 * The tower is causal and only one row is read, so each prompt stops at its end token, and the last layer
 * computes that row alone once attention is done. */
#include "model/text_tower.h"

#include <string.h>

#include "base/checked.h"

void text_tower_take(struct text_tower *tower, struct arena *arena, const struct config *config,
                     size_t threads)
{
    const struct tower_config *text = &config->text;

    tower->max_rows = size_max(4 * config->context, 256);
    tower->max_sequences = tower->max_rows / 2;
    block_scratch_take(&tower->block, arena, tower->max_rows, text->hidden, text->intermediate, text->heads,
                       tower->max_sequences, config->context, threads);
    tower->hidden = arena_take(arena, tower->max_rows * tower->block.hidden_stride, sizeof(float));
    tower->pooled = arena_take(arena, tower->max_sequences * tower->block.hidden_stride, sizeof(float));
    tower->starts = arena_take(arena, tower->max_sequences + 1, sizeof(size_t));
    tower->ends = arena_take(arena, tower->max_sequences, sizeof(size_t));
}

size_t text_tower_length(const struct config *config, const int32_t *ids, size_t count)
{
    size_t pooled = 0;

    if (config->end_token == 2) { /* configurations from before the end token was written: the largest id */
        for (size_t i = 1; i < count; i++)
            if (ids[i] > ids[pooled])
                pooled = i;
        return pooled + 1;
    }
    for (size_t i = 0; i < count; i++)
        if (ids[i] == config->end_token)
            return i + 1;
    return 1; /* as argmax over no match */
}

/* hidden = token embedding + position embedding */
static void embed_tokens(const struct text_tower *tower, const struct text_weights *w, const int32_t *ids,
                         size_t hidden, size_t sequences)
{
    for (size_t i = 0; i < sequences; i++)
        for (size_t row = tower->starts[i]; row < tower->starts[i + 1]; row++) {
            float *out = tower->hidden + row * tower->block.hidden_stride;
            const float *position = w->position + (row - tower->starts[i]) * hidden;
            tensor_read_f32(&w->token_embedding, (size_t)ids[row] * hidden, hidden, out);
            for (size_t j = 0; j < hidden; j++)
                out[j] += position[j];
        }
}

static void observe(const struct text_tower *tower, size_t layer, size_t rows)
{
    if (tower->observer)
        tower->observer(tower->observer_context, layer, tower->hidden, tower->block.hidden_stride, rows);
}

void text_tower_apply(struct text_tower *tower, const struct clipseg_model *model,
                      const struct compute *compute, const int32_t *ids, const size_t *lengths,
                      size_t sequences, float *embeddings)
{
    const struct config *config = &model->config;
    const struct text_weights *w = &model->weights.text;
    size_t hidden = config->text.hidden, stride = tower->block.hidden_stride;
    struct attention attention = {.heads = config->text.heads,
                                  .head_size = hidden / config->text.heads,
                                  .causal = true,
                                  .sequences = sequences,
                                  .starts = tower->starts};

    tower->starts[0] = 0;
    for (size_t i = 0; i < sequences; i++) {
        tower->starts[i + 1] = tower->starts[i] + lengths[i];
        tower->ends[i] = tower->starts[i + 1] - 1;
        attention.length = size_max(attention.length, lengths[i]);
    }
    size_t rows = tower->starts[sequences], last = config->text.layers - 1;
    embed_tokens(tower, w, ids, hidden, sequences);
    observe(tower, 0, rows);
    for (size_t i = 0; i < last; i++) {
        block_apply_pre_norm(compute, &w->blocks[i], attention, &tower->block, rows, tower->hidden);
        observe(tower, i + 1, rows);
    }
    block_apply_pre_norm_picked(compute, &w->blocks[last], attention, &tower->block, rows, tower->ends,
                                tower->hidden, tower->pooled);
    if (tower->observer) { /* wants all rows of the last layer too */
        block_apply_pre_norm(compute, &w->blocks[last], attention, &tower->block, rows, tower->hidden);
        observe(tower, last + 1, rows);
    }
    layer_norm_apply(compute, &w->final_norm, sequences, tower->pooled, stride, tower->pooled, stride);
    linear_apply(compute, &w->projection, sequences, tower->pooled, stride, GEMM_NONE, NULL, embeddings,
                 config->projection);
}
