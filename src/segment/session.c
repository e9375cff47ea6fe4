/* session.c: creating and closing sessions, and the picture that a session looks at. */
#include "segment/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "model/preprocess.h"

#define LARGEST_INPUT 8192

void clipseg_session_options_default(clipseg_session_options *options)
{
    *options = (clipseg_session_options){.size = sizeof *options, .refine = CLIPSEG_REFINE_FAST};
}

/* All of the workspace; run once to plan and once to take. */
static void take_workspace(clipseg_session *s, size_t side, size_t threads)
{
    const struct config *config = &s->model->config;
    struct arena *arena = &s->arena;

    /* The towers and the decoder never run at the same time. */
    size_t temporary = vision_tower_take(&s->vision, arena, config, side, threads), end = arena->used;
    arena_go_to(arena, temporary);
    text_tower_take(&s->text, arena, config, threads);
    end = size_max(end, arena->used);
    if (config->has_decoder) {
        arena_go_to(arena, temporary);
        decoder_take(&s->decoder, arena, config, s->vision.grid, threads);
        end = size_max(end, arena->used);
    }
    arena_go_to(arena, end);
    if (s->model->weights.integer_size)
        integer_rows_take(&s->compute.integers, arena, s->vision.batch * s->vision.rows,
                          size_max(config->vision.hidden, config->vision.intermediate),
                          s->model->weights.integer_size);
    s->compute.expanded_size = expanded_size(s->compute.kernels, s->model->weights.longest_half);
    s->compute.expanded = arena_take(arena, threads * s->compute.expanded_size, sizeof(float));
    s->ids = arena_take(arena, s->text.max_rows, sizeof *s->ids);
    s->lengths = arena_take(arena, s->text.max_sequences, sizeof *s->lengths);
    s->pending = arena_take(arena, s->text.max_sequences, sizeof *s->pending);
    s->text_embeddings = arena_take(arena, s->text.max_sequences * config->projection, sizeof(float));
    s->image_embeddings = arena_take(arena, s->vision.batch * config->projection, sizeof(float));
    s->picture_embedding = arena_take(arena, config->projection, sizeof(float));
    if (!config->has_decoder)
        return;
    s->reduced = arena_take(arena, config->extract_count * s->vision.rows * s->decoder.stride, sizeof(float));
    s->embeddings = arena_take(arena, DECODER_BATCH * config->projection, sizeof(float));
    s->logits = arena_take(arena, DECODER_BATCH * s->decoder.side * s->decoder.side, sizeof(float));
}

static clipseg_status check_side(const clipseg_model *model, size_t side, clipseg_error *error)
{
    size_t patch = model->config.patch;

    if (side % patch || side < patch || side > LARGEST_INPUT)
        return error_set(error, CLIPSEG_ERROR_USAGE,
                         "input size %zu: want a multiple of the patch size %zu, at most %d", side, patch,
                         LARGEST_INPUT);
    return CLIPSEG_OK;
}

static clipseg_status fill(clipseg_session *s, const clipseg_session_options *options, clipseg_error *error)
{
    clipseg_model_info info;
    clipseg_status status;

    clipseg_model_get_info(s->model, &info);
    size_t side = options->input_size ? options->input_size : info.image_size;
    if ((status = check_side(s->model, side, error)) != CLIPSEG_OK)
        return status;
    s->pool = pool_create(options->threads);
    if (!s->pool)
        return error_memory(error);
    s->compute = (struct compute){.kernels = &s->model->kernels, .pool = s->pool, .stages = &s->stages};
    s->cache.size = s->model->config.projection;
    s->wants_picture_embedding = options->image_embedding != 0;
    take_workspace(s, side, pool_threads(s->pool));
    if (!arena_allocate(&s->arena))
        return error_memory(error);
    take_workspace(s, side, pool_threads(s->pool));
    vision_tower_prepare(&s->vision, s->model);
    return CLIPSEG_OK;
}

clipseg_status clipseg_session_create(clipseg_session **session, const clipseg_model *model,
                                      const clipseg_session_options *options, clipseg_error *error)
{
    clipseg_session_options complete;
    clipseg_session *made = memory_zeroed(1, sizeof *made);
    clipseg_status status;

    if (!made)
        return error_memory(error);
    clipseg_session_options_default(&complete);
    if (options)
        memcpy(&complete, options, size_min(options->size, sizeof complete));
    made->model = model;
    made->refine = complete.refine;
    status = fill(made, &complete, error);
    if (status)
        clipseg_session_close(&made);
    else
        *session = made;
    return status;
}

void clipseg_session_close(clipseg_session **session)
{
    if (!*session)
        return;
    clipseg_refiner_close(&(*session)->refiner);
    pool_free((*session)->pool);
    arena_free(&(*session)->arena);
    prompt_cache_free(&(*session)->cache);
    free(*session);
    *session = NULL;
}

size_t clipseg_session_input_size(const clipseg_session *session)
{
    return session->vision.side;
}

const float *clipseg_session_image_embedding(const clipseg_session *session)
{
    return session->has_image && session->wants_picture_embedding ? session->picture_embedding : NULL;
}

size_t clipseg_session_logits_size(const clipseg_session *session)
{
    return session->model->config.has_decoder ? session->decoder.side : 0;
}

clipseg_status clipseg_session_set_image(clipseg_session *session, const clipseg_image *image,
                                         clipseg_error *error)
{
    clipseg_status status;

    if (!session->model->config.has_decoder)
        return error_set(error, CLIPSEG_ERROR_MODEL,
                         "%s: a CLIP model without a decoder cannot segment; use a CLIPSeg "
                         "checkpoint",
                         session->model->checkpoint.name);
    stage_enter(&session->stages, STAGE_PREPROCESS);
    status = preprocess_apply(&session->model->preprocess, &session->model->kernels, image,
                              session->vision.side, session->vision.pixels, error);
    if (!status) {
        vision_tower_reduce(&session->vision, session->model, &session->compute, session->reduced,
                            session->decoder.stride);
        if (session->wants_picture_embedding)
            vision_tower_embed_reduced(&session->vision, session->model, &session->compute,
                                       session->picture_embedding);
        session->has_image = true;
        session->image = *image;
        clipseg_refiner_close(&session->refiner);
    }
    stage_enter(&session->stages, STAGE_OTHER);
    return status;
}
