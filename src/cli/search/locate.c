/* locate.c: where in a picture that was found the thing is. */
#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/search/search.h"
#include "image/image.h"
#include "output/output.h"

#define THRESHOLD 0.5f

/* As large as fits into a frame; small pictures are enlarged. */
static clipseg_status fit(const clipseg_image *image, clipseg_image *small, clipseg_error *error)
{
    double across = SEARCH_FRAME_WIDTH / (double)image->width,
           down = SEARCH_FRAME_HEIGHT / (double)image->height;
    double factor = across < down ? across : down;
    clipseg_image made = {.width = size_max(1, (size_t)((double)image->width * factor + 0.5)),
                          .height = size_max(1, (size_t)((double)image->height * factor + 0.5))};

    made.width = size_min(made.width, SEARCH_FRAME_WIDTH);
    made.height = size_min(made.height, SEARCH_FRAME_HEIGHT);
    made.rgb = memory_aligned(made.width * made.height, 3);
    if (!made.rgb)
        return error_memory(error);
    clipseg_status status = image_resize(image->rgb, image->width, image->height, made.rgb, made.width,
                                         made.height, IMAGE_BICUBIC, error);
    if (status)
        free(made.rgb);
    else
        *small = made;
    return status;
}

clipseg_status search_thumbnail(const struct search *search, const char *path, clipseg_image *small,
                                clipseg_error *error)
{
    clipseg_image image = {0};
    clipseg_status status = clipseg_image_load(&image, path, &search->image_options, error);

    if (!status)
        status = fit(&image, small, error);
    clipseg_image_free(&image);
    return status;
}

/* Area and box of what is above the threshold. probability: [height, width] */
static void measure(const clipseg_image *image, const float *probability, struct hit *hit)
{
    size_t left = image->width, right = 0, top = image->height, bottom = 0, count = 0;

    for (size_t y = 0; y < image->height; y++)
        for (size_t x = 0; x < image->width; x++) {
            if (!(probability[y * image->width + x] > THRESHOLD))
                continue;
            count++;
            left = size_min(left, x);
            right = size_max(right, x + 1);
            top = size_min(top, y);
            bottom = y + 1;
        }
    hit->located = true;
    hit->area = (double)count / ((double)image->width * (double)image->height);
    if (count) {
        const size_t box[4] = {left, top, right - left, bottom - top};
        for (size_t i = 0; i < 4; i++)
            hit->box[i] = box[i];
    }
}

/* The picture's own size for numbers, a small one for eyes. */
static clipseg_status show(struct search *search, const clipseg_image *image, const float *logits,
                           struct hit *hit, clipseg_image *tinted, clipseg_error *error)
{
    uint8_t colour[3];
    size_t pixels = size_max(image->width * image->height, (size_t)SEARCH_FRAME_WIDTH * SEARCH_FRAME_HEIGHT);
    float *probability = memory_aligned(pixels, sizeof *probability);
    clipseg_status status = probability ? CLIPSEG_OK : error_memory(error);

    if (!status)
        status =
            clipseg_session_enlarge(search->session, logits, image->width, image->height, probability, error);
    if (!status)
        measure(image, probability, hit);
    if (!status && tinted && (status = fit(image, tinted, error)) == CLIPSEG_OK) {
        status = clipseg_session_enlarge(search->session, logits, tinted->width, tinted->height, probability,
                                         error);
        colour_label(1, colour);
        if (!status)
            overlay_paint(tinted, probability, THRESHOLD, colour, tinted->rgb);
        else
            clipseg_image_free(tinted);
    }
    free(probability);
    return status;
}

clipseg_status search_locate(struct search *search, struct hit *hit, clipseg_image *tinted,
                             clipseg_error *error)
{
    size_t side = clipseg_session_logits_size(search->session);
    const clipseg_prompt prompt = clipseg_embedding(search->condition);
    clipseg_image image = {0};
    float *logits = memory_aligned(side * side, sizeof *logits);
    clipseg_status status = logits ? CLIPSEG_OK : error_memory(error);

    if (!status)
        status = clipseg_image_load(&image, hit->path, &search->image_options, error);
    if (!status)
        status = clipseg_session_set_image(search->session, &image, error);
    if (!status)
        status = clipseg_session_logits(search->session, &prompt, 1, logits, error);
    if (!status)
        status = show(search, &image, logits, hit, tinted, error);
    free(logits);
    clipseg_image_free(&image);
    return status;
}
