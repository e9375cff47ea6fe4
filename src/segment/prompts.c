/* prompts.c: from phrases and pictures to the vectors that condition the decoder. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "segment/session.h"

/* A batch of texts that are not in the cache. */
struct batch {
    size_t count, rows;
};

static void run_batch(clipseg_session *s, struct batch *batch, const clipseg_prompt *prompts,
                      float *embeddings)
{
    size_t size = s->model->config.projection;

    if (!batch->count)
        return;
    stage_group_begin(&s->stages, STAGE_TEXT);
    text_tower_apply(&s->text, s->model, &s->compute, s->ids, s->lengths, batch->count, s->text_embeddings);
    stage_group_end(&s->stages);
    for (size_t i = 0; i < batch->count; i++) {
        const float *embedding = s->text_embeddings + i * size;
        memcpy(embeddings + s->pending[i] * size, embedding, size * sizeof *embedding);
        prompt_cache_add(&s->cache, prompts[s->pending[i]].text, embedding);
    }
    *batch = (struct batch){0};
}

/* Token ids as the tower takes them: cut to its context, where the end token keeps the last place
 * (CLIPTokenizer's truncation), and no further than the token that is pooled. out: [context] */
static clipseg_status read_text(const clipseg_session *s, const char *text, int32_t *out, size_t *length,
                                clipseg_error *error)
{
    size_t context = s->model->config.context, count, size = strlen(text);
    int32_t *all;
    clipseg_status status = tokenizer_encode(s->model->tokenizer, text, size, out, context, &count, error);

    if (status)
        return status;
    if (count <= 2)
        return error_set(error, CLIPSEG_ERROR_USAGE, "prompt \"%s\": empty; name something to look for",
                         text);
    if (count > context) {
        all = memory_zeroed(count, sizeof *all);
        if (!all)
            return error_memory(error);
        status = tokenizer_encode(s->model->tokenizer, text, size, all, count, &count, error);
        if (!status)
            out[context - 1] = all[count - 1];
        free(all);
        count = context;
    }
    *length = text_tower_length(&s->model->config, out, count);
    return status;
}

static clipseg_status embed_texts(clipseg_session *s, const clipseg_prompt *prompts, size_t count,
                                  float *embeddings, clipseg_error *error)
{
    size_t size = s->model->config.projection, context = s->model->config.context;
    struct batch batch = {0};

    for (size_t i = 0; i < count; i++) {
        const char *text = prompts[i].embedding ? NULL : prompts[i].text;
        const float *known = text ? prompt_cache_find(&s->cache, text) : NULL;
        clipseg_status status;

        if (!text)
            continue;
        if (known) {
            memcpy(embeddings + i * size, known, size * sizeof *known);
            continue;
        }
        if (batch.count == s->text.max_sequences || batch.rows + context > s->text.max_rows)
            run_batch(s, &batch, prompts, embeddings);
        status = read_text(s, text, s->ids + batch.rows, &s->lengths[batch.count], error);
        if (status)
            return status;
        s->pending[batch.count] = i;
        batch.rows += s->lengths[batch.count++];
    }
    run_batch(s, &batch, prompts, embeddings);
    return CLIPSEG_OK;
}

/* The prompt's picture, alone or mixed with the text's embedding that already lies in `embedding`. */
static clipseg_status embed_picture(clipseg_session *s, const clipseg_prompt *prompt, float *embedding,
                                    clipseg_error *error)
{
    size_t size = s->model->config.projection;
    float weight = prompt->text ? prompt->image_weight : 1.0f;
    const clipseg_image *image = prompt->image;
    clipseg_status status = clipseg_session_embed_images(s, &image, 1, s->image_embeddings, error);

    if (status)
        return status;
    for (size_t i = 0; i < size; i++)
        embedding[i] =
            weight * s->image_embeddings[i] + (prompt->text ? (1.0f - weight) * embedding[i] : 0.0f);
    return CLIPSEG_OK;
}

clipseg_status session_embed(clipseg_session *s, const clipseg_prompt *prompts, size_t count,
                             float *embeddings, clipseg_error *error)
{
    size_t size = s->model->config.projection;
    clipseg_status status;

    for (size_t i = 0; i < count; i++)
        if (!prompts[i].text && !prompts[i].image && !prompts[i].embedding)
            return error_set(error, CLIPSEG_ERROR_USAGE, "prompt %zu: neither text nor picture nor embedding",
                             i);
    status = embed_texts(s, prompts, count, embeddings, error);
    for (size_t i = 0; !status && i < count; i++) {
        if (prompts[i].embedding)
            memcpy(embeddings + i * size, prompts[i].embedding, size * sizeof *embeddings);
        else if (prompts[i].image)
            status = embed_picture(s, &prompts[i], embeddings + i * size, error);
    }
    return status;
}

static double vector_length(const float *vector, size_t size)
{
    double sum = 0.0;

    for (size_t i = 0; i < size; i++)
        sum += (double)vector[i] * (double)vector[i];
    return sqrt(sum);
}

/* The mean of normalised vectors points where CLIP's authors look; its length is made that of the parts, on
 * average, because the decoder was trained on embeddings that are not normalised. */
clipseg_status clipseg_session_embed_average(clipseg_session *session, const clipseg_prompt *prompts,
                                             size_t count, float *embedding, clipseg_error *error)
{
    size_t size = session->model->config.projection;
    float *all;
    clipseg_status status;

    if (count == 1)
        return session_embed(session, prompts, 1, embedding, error);
    all = memory_zeroed(count + 1, size * sizeof *all);
    if (!all)
        return error_memory(error);
    status = session_embed(session, prompts, count, all, error);
    if (!status) {
        float *mean = all + count * size;
        double lengths = 0.0, length;
        for (size_t i = 0; i < count; i++) {
            length = vector_length(all + i * size, size);
            lengths += length;
            for (size_t k = 0; k < size && length > 0.0; k++)
                mean[k] += all[i * size + k] / (float)length;
        }
        length = vector_length(mean, size);
        for (size_t k = 0; k < size; k++)
            embedding[k] = length > 0.0 ? (float)(mean[k] * (lengths / (double)count) / length) : 0.0f;
    }
    free(all);
    return status;
}

clipseg_status clipseg_session_embed(clipseg_session *session, const clipseg_prompt *prompt, float *embedding,
                                     clipseg_error *error)
{
    return session_embed(session, prompt, 1, embedding, error);
}
