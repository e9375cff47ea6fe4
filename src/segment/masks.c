/* masks.c: the current picture and prompts to logits, and logits to probabilities at the picture's size. */
#include "base/checked.h"
#include "base/error.h"
#include "segment/enlarge.h"
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
