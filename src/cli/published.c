/* published.c: the numbers that Hugging Face transformers' tests publish for CIDAS/clipseg-rd64-refined, on
 * picture 000000039769 of COCO val2017 and the prompt "a cat". */
#include "cli/published.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/command.h"

#define PROMPT "a cat"
#define WIDTH 640
#define HEIGHT 480
#define TOLERANCE 1e-3f

static const float logits_corner[3][3] = {
    {-7.4613f, -7.4785f, -7.3628f}, {-7.3268f, -7.0899f, -7.1333f}, {-6.9838f, -6.7900f, -6.8913f}};
static const float conditional_start[3] = {0.5601f, -0.0314f, 0.1980f};
static const float pooled_start[3] = {0.5036f, -0.2681f, -0.2644f};

/* The largest difference, or infinity where there is no number. */
static float difference(const float *found, const float *want, size_t count, float largest)
{
    for (size_t i = 0; i < count; i++) {
        float d = fabsf(found[i] - want[i]);
        if (!(d <= largest))
            largest = isnan(d) ? INFINITY : d;
    }
    return largest;
}

static clipseg_status judge(const char *what, float largest, bool quiet, clipseg_error *error)
{
    if (largest > TOLERANCE)
        return error_set(
            error, CLIPSEG_ERROR_MODEL,
            "%s: off by %g from what is published for CIDAS/clipseg-rd64-refined (%g is allowed): other "
            "weights, or another picture",
            what, (double)largest, (double)TOLERANCE);
    note(quiet, "%s: as published, within %.1e", what, (double)largest);
    return CLIPSEG_OK;
}

static clipseg_status compare(clipseg_session *session, const clipseg_image *image, float *logits,
                              float *embedding, bool quiet, clipseg_error *error)
{
    const clipseg_prompt text = clipseg_text(PROMPT), picture = clipseg_picture(image);
    size_t side = clipseg_session_logits_size(session);
    float largest = 0.0f;
    clipseg_status status;

    if ((status = clipseg_session_embed(session, &text, embedding, error)) ||
        (status = judge("conditional embedding", difference(embedding, conditional_start, 3, 0.0f), quiet,
                        error)) ||
        (status = clipseg_session_embed(session, &picture, embedding, error)) ||
        (status = judge("image embedding", difference(embedding, pooled_start, 3, 0.0f), quiet, error)) ||
        (status = clipseg_session_set_image(session, image, error)) ||
        (status = clipseg_session_logits(session, &text, 1, logits, error)))
        return status;
    for (size_t y = 0; y < 3; y++)
        largest = difference(logits + y * side, logits_corner[y], 3, largest);
    return judge("logits", largest, quiet, error);
}

clipseg_status published_check(const clipseg_model *model, const char *picture, bool quiet,
                               clipseg_error *error)
{
    clipseg_session *session = NULL;
    clipseg_image image = {0};
    clipseg_model_info info;
    float *logits = NULL, *embedding = NULL;
    clipseg_status status = clipseg_image_load(&image, picture, NULL, error);

    if (!status && (image.width != WIDTH || image.height != HEIGHT))
        status = error_set(error, CLIPSEG_ERROR_IMAGE,
                           "%s: %zu x %zu pixels: want 000000039769.jpg of COCO val2017, which has %d x %d",
                           picture, image.width, image.height, WIDTH, HEIGHT);
    clipseg_model_get_info(model, &info);
    if (!status && !info.has_decoder)
        status = error_set(error, CLIPSEG_ERROR_MODEL,
                           "no decoder: values are published for a CLIPSeg model only");
    if (!status)
        status = clipseg_session_create(&session, model, NULL, error);
    if (!status) {
        size_t side = clipseg_session_logits_size(session);
        logits = memory_aligned(side * side, sizeof *logits);
        embedding = memory_aligned(info.embedding_size, sizeof *embedding);
        status = logits && embedding ? compare(session, &image, logits, embedding, quiet, error)
                                     : error_memory(error);
    }
    free(logits);
    free(embedding);
    clipseg_image_free(&image);
    clipseg_session_close(&session);
    return status;
}
