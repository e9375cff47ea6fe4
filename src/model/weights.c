/* weights.c: the names of Hugging Face's CLIP and CLIPSeg checkpoints, and where each tensor goes. */
#include "model/weights.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "model/pack.h"

#define NAME_SIZE 200

static enum gemm_activation to_gemm(enum activation activation)
{
    switch (activation) {
    case ACTIVATION_GELU:
        return GEMM_GELU;
    case ACTIVATION_RELU:
        return GEMM_RELU;
    default:
        return GEMM_QUICK_GELU;
    }
}

static struct block place_block(struct packer *p, const char *name, const struct tower_config *tower)
{
    char full[NAME_SIZE];
    struct block block = {.activation = to_gemm(tower->activation)};
    size_t head_size = tower->hidden / tower->heads;
    float scale = 1.0f / sqrtf((float)head_size);

    snprintf(full, sizeof full, "%s.layer_norm1", name);
    block.norm1 = pack_layer_norm(p, full, tower->hidden, tower->epsilon);
    snprintf(full, sizeof full, "%s.self_attn", name);
    block.qkv = pack_qkv(p, full, tower->hidden, scale);
    snprintf(full, sizeof full, "%s.self_attn.out_proj", name);
    block.projection = pack_linear(p, full, tower->hidden, tower->hidden, true);
    snprintf(full, sizeof full, "%s.layer_norm2", name);
    block.norm2 = pack_layer_norm(p, full, tower->hidden, tower->epsilon);
    snprintf(full, sizeof full, "%s.mlp.fc1", name);
    block.fc1 = pack_linear(p, full, tower->hidden, tower->intermediate, true);
    snprintf(full, sizeof full, "%s.mlp.fc2", name);
    block.fc2 = pack_linear(p, full, tower->intermediate, tower->hidden, true);
    return block;
}

/* prefix: everything before the layer's number. The array itself also lies in the arena. */
static struct block *place_blocks(struct packer *p, const char *prefix, const struct tower_config *tower)
{
    struct block *blocks = arena_take(p->arena, tower->layers, sizeof *blocks);

    for (size_t i = 0; i < tower->layers; i++) {
        char name[NAME_SIZE / 2];
        snprintf(name, sizeof name, "%s.%zu", prefix, i);
        struct block block = place_block(p, name, tower);
        if (blocks)
            blocks[i] = block;
    }
    return blocks;
}

static void place_text(struct packer *p, struct text_weights *w, const struct config *config)
{
    size_t hidden = config->text.hidden;

    w->token_embedding =
        pack_rows_in_place(p, "text_model.embeddings.token_embedding.weight", config->vocabulary, hidden);
    w->position = pack_table(p, "text_model.embeddings.position_embedding.weight", config->context, hidden);
    w->blocks = place_blocks(p, "text_model.encoder.layers", &config->text);
    w->final_norm = pack_layer_norm(p, "text_model.final_layer_norm", hidden, config->text.epsilon);
    w->projection = pack_linear(p, "text_projection", hidden, config->projection, false);
}

static void place_vision(struct packer *p, struct vision_weights *w, const struct config *config)
{
    size_t hidden = config->vision.hidden;

    w->positions = config->image_size / config->patch;
    w->class_embedding = pack_vector(p, "vision_model.embeddings.class_embedding", hidden, 1.0f);
    w->patch = pack_patches(p, "vision_model.embeddings.patch_embedding.weight", config->patch, hidden);
    w->position = pack_table(p, "vision_model.embeddings.position_embedding.weight",
                             w->positions * w->positions + 1, hidden);
    w->pre_norm = pack_layer_norm(p, "vision_model.pre_layrnorm", hidden, config->vision.epsilon);
    w->blocks = place_blocks(p, "vision_model.encoder.layers", &config->vision);
    w->post_norm = pack_layer_norm(p, "vision_model.post_layernorm", hidden, config->vision.epsilon);
    w->projection = pack_linear(p, "visual_projection", hidden, config->projection, false);
}

static void place_head(struct packer *p, struct decoder_weights *w, const struct config *config)
{
    size_t reduce = config->decoder.hidden, quarter = config->patch / 4;

    if (!config->complex_head) {
        w->last = pack_transposed(p, "decoder.transposed_convolution", reduce, 1, config->patch);
        return;
    }
    w->convolution = pack_convolution(p, "decoder.transposed_convolution.0", reduce, reduce);
    w->middle = pack_transposed(p, "decoder.transposed_convolution.2", reduce, reduce / 2, quarter);
    w->last = pack_transposed(p, "decoder.transposed_convolution.4", reduce / 2, 1, quarter);
}

static void place_decoder(struct packer *p, struct decoder_weights *w, const struct config *config)
{
    size_t reduce = config->decoder.hidden;

    w->film_mul = pack_linear(p, "decoder.film_mul", config->projection, reduce, true);
    w->film_add = pack_linear(p, "decoder.film_add", config->projection, reduce, true);
    w->reduces = arena_take(p->arena, config->extract_count, sizeof *w->reduces);
    for (size_t i = 0; i < config->extract_count; i++) {
        char name[NAME_SIZE];
        snprintf(name, sizeof name, "decoder.reduces.%zu", i);
        struct linear linear = pack_linear(p, name, config->vision.hidden, reduce, true);
        if (w->reduces)
            w->reduces[i] = linear;
    }
    w->blocks = place_blocks(p, "decoder.layers", &config->decoder);
    place_head(p, w, config);
}

static void place_all(struct packer *p, struct weights *w, const struct config *config)
{
    p->count = 0;
    p->arena->used = 0;
    if (p->pieces)
        p->pieces->count = 0;
    p->prefix = config->has_decoder ? "clip." : "";
    place_text(p, &w->text, config);
    place_vision(p, &w->vision, config);
    w->logit_scale = pack_scalar(p, "logit_scale");
    p->prefix = "";
    if (config->has_decoder)
        place_decoder(p, &w->decoder, config);
}

clipseg_status weights_load(struct weights *weights, const struct checkpoint *checkpoint,
                            const struct config *config, const struct kernels *kernels, struct pool *pool,
                            struct pieces *pieces, clipseg_error *error)
{
    struct packer packer = {
        .checkpoint = checkpoint, .arena = &weights->arena, .pieces = pieces, .error = error};
    clipseg_status status;

    memset(weights, 0, sizeof *weights);
    place_all(&packer, weights, config); /* the plan: checks names and shapes, adds up sizes */
    status = packer.status;
    if (!status && !arena_allocate(&weights->arena))
        status = error_memory(error);
    if (!status) {
        place_all(&packer, weights, config);
        status = packer.status;
    }
    weights->longest_half = packer.longest_half;
    weights->integer_size = packer.integer_size;
    if (!status)
        status = packer_run(&packer, kernels, pool, error);
    packer_free(&packer);
    if (status)
        weights_free(weights);
    return status;
}

void weights_free(struct weights *weights)
{
    arena_free(&weights->arena);
    memset(weights, 0, sizeof *weights);
}
