/* block.c: a transformer block, in CLIP's order (norm first) and in the decoder's (norm last). */
#include <string.h>

#include "base/checked.h"
#include "nn/nn.h"

void block_scratch_take(struct block_scratch *scratch, struct arena *arena, size_t rows, size_t hidden,
                        size_t intermediate, size_t heads, size_t sequences, size_t length, size_t threads)
{
    size_t packed = attention_packed_size(sequences, length, heads, hidden / heads);

    scratch->hidden_stride = matrix_stride(hidden);
    scratch->qkv_stride = matrix_stride(3 * hidden);
    scratch->inner_stride = matrix_stride(intermediate);
    scratch->normed = scratch->attended = arena_take(arena, rows * scratch->hidden_stride, sizeof(float));
    scratch->qkv = scratch->inner =
        arena_take(arena, rows * size_max(scratch->qkv_stride, scratch->inner_stride), sizeof(float));
    scratch->keys = arena_take(arena, packed, sizeof(float));
    scratch->values = arena_take(arena, packed, sizeof(float));
    scratch->scores = arena_take(arena, threads * attention_scores_size(length), sizeof(float));
}

/* x += projection(attention(qkv(input))) */
static void attend(const struct compute *compute, const struct block *block, struct attention attention,
                   const struct block_scratch *s, size_t rows, const float *input, float *x)
{
    attention.keys = s->keys;
    attention.values = s->values;
    attention.scores = s->scores;
    stage_enter(compute->stages, STAGE_QKV);
    linear_apply(compute, &block->qkv, rows, input, s->hidden_stride, GEMM_NONE, NULL, s->qkv, s->qkv_stride);
    stage_enter(compute->stages, STAGE_ATTENTION);
    attention_apply(compute, &attention, s->qkv, s->qkv_stride, s->attended, s->hidden_stride);
    stage_enter(compute->stages, STAGE_PROJECTION);
    linear_apply(compute, &block->projection, rows, s->attended, s->hidden_stride, GEMM_NONE, x, x,
                 s->hidden_stride);
}

/* x += fc2(activation(fc1(input))) */
static void mlp(const struct compute *compute, const struct block *block, const struct block_scratch *s,
                size_t rows, const float *input, float *x)
{
    stage_enter(compute->stages, STAGE_FC1);
    linear_apply(compute, &block->fc1, rows, input, s->hidden_stride, block->activation, NULL, s->inner,
                 s->inner_stride);
    stage_enter(compute->stages, STAGE_FC2);
    linear_apply(compute, &block->fc2, rows, s->inner, s->inner_stride, GEMM_NONE, x, x, s->hidden_stride);
}

static void normalize(const struct compute *compute, const struct layer_norm *norm,
                      const struct block_scratch *s, size_t rows, const float *x, float *out)
{
    stage_enter(compute->stages, STAGE_NORM);
    layer_norm_apply(compute, norm, rows, x, s->hidden_stride, out, s->hidden_stride);
}

void block_apply_pre_norm(const struct compute *compute, const struct block *block,
                          struct attention attention, const struct block_scratch *s, size_t rows, float *x)
{
    normalize(compute, &block->norm1, s, rows, x, s->normed);
    attend(compute, block, attention, s, rows, s->normed, x);
    normalize(compute, &block->norm2, s, rows, x, s->normed);
    mlp(compute, block, s, rows, s->normed, x);
}

void block_apply_pre_norm_picked(const struct compute *compute, const struct block *block,
                                 struct attention attention, const struct block_scratch *s, size_t rows,
                                 const size_t *picked, const float *x, float *out)
{
    size_t count = attention.sequences, bytes = block->norm1.size * sizeof *out;

    attention.keys = s->keys;
    attention.values = s->values;
    attention.scores = s->scores;
    normalize(compute, &block->norm1, s, rows, x, s->normed);
    stage_enter(compute->stages, STAGE_QKV);
    linear_apply(compute, &block->qkv, rows, s->normed, s->hidden_stride, GEMM_NONE, NULL, s->qkv,
                 s->qkv_stride);
    stage_enter(compute->stages, STAGE_ATTENTION);
    attention_apply(compute, &attention, s->qkv, s->qkv_stride, s->attended, s->hidden_stride);
    for (size_t i = 0; i < count; i++) { /* one row each from here on */
        memcpy(out + i * s->hidden_stride, x + picked[i] * s->hidden_stride, bytes);
        memmove(s->attended + i * s->hidden_stride, s->attended + picked[i] * s->hidden_stride, bytes);
    }
    stage_enter(compute->stages, STAGE_PROJECTION);
    linear_apply(compute, &block->projection, count, s->attended, s->hidden_stride, GEMM_NONE, out, out,
                 s->hidden_stride);
    normalize(compute, &block->norm2, s, count, out, s->normed);
    mlp(compute, block, s, count, s->normed, out);
}

void block_apply_post_norm(const struct compute *compute, const struct block *block,
                           struct attention attention, const struct block_scratch *s, size_t rows, float *x)
{
    attend(compute, block, attention, s, rows, x, x);
    normalize(compute, &block->norm1, s, rows, x, x);
    mlp(compute, block, s, rows, x, x);
    normalize(compute, &block->norm2, s, rows, x, x);
}
