/* masks.c: the current picture and prompts to logits, and logits to probabilities at the picture's size. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "segment/session.h"

static clipseg_status need_image(const clipseg_session *s, clipseg_error *error)
{
    if (s->has_image)
        return CLIPSEG_OK;
    return error_set(error, CLIPSEG_ERROR_USAGE, "no picture set: call clipseg_session_set_image first");
}

clipseg_status clipseg_session_logits(clipseg_session *session, const clipseg_prompt *prompts, size_t count,
                                      float *logits, clipseg_error *error)
{
    size_t area = session->decoder.side * session->decoder.side;
    clipseg_status status = need_image(session, error);

    for (size_t i = 0; !status && i < count; i += DECODER_BATCH) {
        size_t batch = size_min(DECODER_BATCH, count - i);
        status = session_embed(session, prompts + i, batch, session->embeddings, error);
        if (!status)
            decoder_apply(&session->decoder, session->model, &session->compute, session->reduced,
                          session->embeddings, batch, logits + i * area);
    }
    return status;
}

/* ---- enlargement: torch's interpolate(mode="bilinear", align_corners=False), then the sigmoid */

struct enlargement {
    const struct kernels *kernels;
    const float *logits; /* [side, side] */
    size_t side, width, height;
    int32_t *left; /* [width] */
    float *weight; /* [width] of the column right of left */
    float *out;    /* [height, width] */
};

/* Where output cell i reads: the cell before it and the weight of the one behind. */
static int32_t find_source(size_t i, size_t from, size_t to, float *weight)
{
    float scale = (float)from / (float)to;
    float position = fmaxf(scale * ((float)i + 0.5f) - 0.5f, 0.0f);
    int32_t cell = (int32_t)position, last = (int32_t)from - 2;

    if (cell > last) { /* the last cell alone, as the right neighbour of the one before */
        *weight = 1.0f;
        return last;
    }
    *weight = position - (float)cell;
    return cell;
}

static void enlarge_row(void *context, size_t y, size_t worker)
{
    const struct enlargement *e = context;
    float weight;
    const float *top = e->logits + (size_t)find_source(y, e->side, e->height, &weight) * e->side;

    (void)worker;
    e->kernels->enlarge_row(e->width, top, top + e->side, weight, e->left, e->weight, e->out + y * e->width);
}

clipseg_status clipseg_session_enlarge(clipseg_session *session, const float *logits, size_t width,
                                       size_t height, float *probability, clipseg_error *error)
{
    struct enlargement e = {
        &session->model->kernels, logits, session->decoder.side, width, height, NULL, NULL, probability};

    e.left = memory_aligned(width, sizeof *e.left);
    e.weight = memory_aligned(width, sizeof *e.weight);
    if (e.left && e.weight) {
        stage_enter(&session->stages, STAGE_ENLARGE);
        for (size_t x = 0; x < width; x++)
            e.left[x] = find_source(x, e.side, width, &e.weight[x]);
        pool_run(session->pool, height, enlarge_row, &e);
        stage_enter(&session->stages, STAGE_OTHER);
    }
    bool complete = e.left && e.weight;
    free(e.left);
    free(e.weight);
    return complete ? CLIPSEG_OK : error_memory(error);
}

clipseg_status clipseg_session_masks(clipseg_session *session, const clipseg_prompt *prompts, size_t count,
                                     float *probability, clipseg_error *error)
{
    size_t area = session->decoder.side * session->decoder.side;
    size_t pixels = session->image_width * session->image_height;
    clipseg_status status = need_image(session, error);

    for (size_t i = 0; !status && i < count; i += DECODER_BATCH) {
        size_t batch = size_min(DECODER_BATCH, count - i);
        status = clipseg_session_logits(session, prompts + i, batch, session->logits, error);
        for (size_t k = 0; !status && k < batch; k++)
            status = clipseg_session_enlarge(session, session->logits + k * area, session->image_width,
                                             session->image_height, probability + (i + k) * pixels, error);
    }
    return status;
}
