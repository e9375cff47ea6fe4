/* presence.c: is the thing there at all? CLIP's own similarity of picture and prompt, beside that of phrases
 * that fit every picture (Kerr et al., "LERF: Language Embedded Radiance Fields", 2023, section 3.5:
 * relevancy against canonical phrases). */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "segment/session.h"

static const char *const neutral[] = {"object", "things", "stuff", "texture"};
#define NEUTRALS (sizeof neutral / sizeof *neutral)

static double cosine(const float *a, const float *b, size_t size)
{
    double product = 0.0, aa = 0.0, bb = 0.0;

    for (size_t i = 0; i < size; i++) {
        product += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return aa > 0.0 && bb > 0.0 ? product / sqrt(aa * bb) : 0.0;
}

/* The smallest of the softmaxes over a pair: the prompt against one neutral phrase. embeddings: [NEUTRALS +
 * 1, size], the prompt's last. */
static float compare(const float *picture, const float *embeddings, size_t size, double scale)
{
    double own = cosine(picture, embeddings + NEUTRALS * size, size), best = -1.0;

    for (size_t i = 0; i < NEUTRALS; i++)
        best = fmax(best, cosine(picture, embeddings + i * size, size));
    return (float)(1.0 / (1.0 + exp(scale * (best - own))));
}

clipseg_status clipseg_session_presence(clipseg_session *session, const clipseg_prompt *prompts, size_t count,
                                        float *presence, clipseg_error *error)
{
    size_t size = session->model->config.projection;
    const float *picture = clipseg_session_image_embedding(session);
    clipseg_prompt all[NEUTRALS + 1];
    clipseg_model_info info;
    float *embeddings;
    clipseg_status status = CLIPSEG_OK;

    if (!picture)
        return error_set(error, CLIPSEG_ERROR_USAGE,
                         "presence: set a picture in a session with the option image_embedding");
    embeddings = memory_zeroed(NEUTRALS + 1, size * sizeof *embeddings);
    if (!embeddings)
        return error_memory(error);
    clipseg_model_get_info(session->model, &info);
    for (size_t i = 0; i < NEUTRALS; i++)
        all[i] = clipseg_text(neutral[i]);
    status = session_embed(session, all, NEUTRALS, embeddings, error);
    for (size_t i = 0; !status && i < count; i++) {
        status = session_embed(session, prompts + i, 1, embeddings + NEUTRALS * size, error);
        presence[i] = compare(picture, embeddings, size, (double)info.logit_scale);
    }
    free(embeddings);
    return status;
}
