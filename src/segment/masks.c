/* masks.c: the current picture and prompts to logits, logits to masks at the picture's size, and their shape.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "segment/enlarge.h"
#include "segment/expression.h"
#include "segment/session.h"
#include "segment/shape.h"

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

clipseg_status clipseg_session_enlarge(clipseg_session *session, const float *logits, size_t width,
                                       size_t height, float *probability, clipseg_error *error)
{
    clipseg_status status;

    stage_enter(&session->stages, STAGE_ENLARGE);
    status = enlarge(&session->model->kernels, session->pool, logits, session->decoder.side, width, height,
                     probability, error);
    stage_enter(&session->stages, STAGE_OTHER);
    return status;
}

clipseg_status clipseg_session_masks(clipseg_session *session, const clipseg_prompt *prompts, size_t count,
                                     float *probability, clipseg_error *error)
{
    size_t area = session->decoder.side * session->decoder.side;
    size_t pixels = session->image.width * session->image.height;
    clipseg_status status = need_image(session, error);

    if (!status && !session->refiner) {
        clipseg_refine_options options;
        clipseg_refine_options_default(&options);
        options.mode = session->refine;
        stage_enter(&session->stages, STAGE_ENLARGE);
        status = clipseg_refiner_create(&session->refiner, session, &session->image, &options, error);
        stage_enter(&session->stages, STAGE_OTHER);
    }
    for (size_t i = 0; !status && i < count; i += DECODER_BATCH) {
        size_t batch = size_min(DECODER_BATCH, count - i);
        status = clipseg_session_logits(session, prompts + i, batch, session->logits, error);
        stage_enter(&session->stages, STAGE_ENLARGE);
        for (size_t k = 0; !status && k < batch; k++)
            status = clipseg_refiner_mask(session->refiner, session->logits + k * area, 0.5f,
                                          probability + (i + k) * pixels, NULL, error);
        stage_enter(&session->stages, STAGE_OTHER);
    }
    return status;
}

/* ---- expressions */

/* Phrases one after the other; an expression names few. */
static clipseg_status evaluate(clipseg_session *session, const struct expression *e, float *logits,
                               clipseg_error *error)
{
    size_t side = session->decoder.side, area = side * side;
    const float **leaves = memory_zeroed(e->leaf_count, sizeof *leaves);
    float *maps = memory_aligned((e->leaf_count + expression_depth(e)) * area, sizeof *maps);
    clipseg_status status = leaves && maps ? CLIPSEG_OK : error_memory(error);

    for (size_t i = 0; !status && i < e->leaf_count; i++) {
        clipseg_prompt prompt = clipseg_text(e->leaves[i].text);
        leaves[i] = maps + i * area;
        status = clipseg_session_logits(session, &prompt, 1, maps + i * area, error);
    }
    if (!status)
        status = expression_evaluate(e, leaves, side, session->image.width, session->image.height,
                                     maps + e->leaf_count * area, logits, error);
    free(leaves);
    free(maps);
    return status;
}

clipseg_status clipseg_session_expression(clipseg_session *session, const char *text, float *logits,
                                          clipseg_error *error)
{
    clipseg_prompt phrase = clipseg_text(text);
    struct expression expression;
    clipseg_status status = need_image(session, error);

    if (!status && !expression_recognised(text))
        return clipseg_session_logits(session, &phrase, 1, logits, error);
    if (!status)
        status = expression_parse(&expression, text, error);
    if (status)
        return status;
    status = evaluate(session, &expression, logits, error);
    expression_free(&expression);
    return status;
}

/* ---- shapes */

void clipseg_shape_options_default(clipseg_shape_options *options)
{
    *options = (clipseg_shape_options){.size = sizeof *options};
}

clipseg_status clipseg_session_reshape(clipseg_session *session, float *probability, size_t width,
                                       size_t height, float threshold, const clipseg_shape_options *options,
                                       clipseg_error *error)
{
    clipseg_shape_options o;

    clipseg_shape_options_default(&o);
    memcpy(&o, options, size_min(options->size, sizeof o));
    const struct shape_options shape = {.min_area = {o.min_area, false},
                                        .fill_holes = o.fill_holes != 0,
                                        .grow = {o.grow, false},
                                        .shrink = {o.shrink, false},
                                        .invert = o.invert != 0,
                                        .feather = {o.feather, false}};
    return shape_apply(session->pool, &shape, threshold, width, height, probability, NULL, error);
}
