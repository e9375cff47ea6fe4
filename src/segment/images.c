/* images.c: pictures to CLIP's image embeddings, several at once. */
#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "model/preprocess.h"
#include "segment/session.h"

/* One batch on its way into the tower. */
struct job {
    clipseg_session *session;
    const clipseg_image *const *images;
    clipseg_status *status; /* [count] */
};

/* Resizing is a task per picture: together they fill all threads. */
static void prepare_task(void *context, size_t task, size_t worker)
{
    const struct job *job = context;
    const clipseg_session *s = job->session;
    size_t side = s->vision.side;

    (void)worker;
    job->status[task] = preprocess_apply(&s->model->preprocess, &s->model->kernels, job->images[task], side,
                                         s->vision.pixels + task * 3 * side * side, NULL);
}

clipseg_status clipseg_session_embed_images(clipseg_session *session, const clipseg_image *const *images,
                                            size_t count, float *embeddings, clipseg_error *error)
{
    clipseg_status status[VISION_MOST_PICTURES];

    for (size_t i = 0; i < count; i += session->vision.batch) {
        size_t batch = size_min(session->vision.batch, count - i);
        struct job job = {session, images + i, status};
        stage_enter(&session->stages, STAGE_PREPROCESS);
        pool_run(session->pool, batch, prepare_task, &job);
        stage_enter(&session->stages, STAGE_OTHER);
        for (size_t k = 0; k < batch; k++)
            if (status[k])
                return error_memory(error); /* the only way in which preparing can fail */
        vision_tower_embed(&session->vision, session->model, &session->compute, batch,
                           embeddings + i * session->model->config.projection);
    }
    return CLIPSEG_OK;
}

clipseg_status clipseg_session_prepare_image(const clipseg_session *session, const clipseg_image *image,
                                             clipseg_image *prepared, clipseg_error *error)
{
    size_t side = session->vision.side;
    clipseg_image made = {.width = side, .height = side, .rgb = memory_aligned(side * side, 3)};
    clipseg_status status = made.rgb
                                ? preprocess_resize(&session->model->preprocess, image, side, made.rgb, error)
                                : error_memory(error);

    if (status)
        free(made.rgb);
    else
        *prepared = made;
    return status;
}

size_t clipseg_session_batch(const clipseg_session *session)
{
    return session->vision.batch;
}
