/* visual_prompt.c: showing the model an object: crop to it, blur and darken what is around it (paper, section
 * 3.3 and its table of visual prompts; CLIPSeg's img_preprocess).
 *
 *     out = img * m + 0.1 * blur(img) * (1 - m)      img normalised, so that darkening fades to the mean
 * colour box of m, every side moved out by 10 % of that axis' extent; padded to a square with 0; nearest
 * neighbour
 *
 * Without cropping the same happens to the picture as the model sees it, at its input size. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "model/preprocess.h"
#include "segment/session.h"

#define REACH 7 /* of the blur: 15 x 15 */

struct showing {
    const uint8_t *rgb;  /* [height, width, 3] */
    const uint8_t *mask; /* [height, width] or NULL: all of it is the object */
    size_t width, height;
    size_t left, top, square; /* what is shown: a square whose corner may lie outside */
    size_t box_left, box_top, box_right, box_bottom;
    unsigned prepare;
    float scale[3], offset[3];
    double kernel[2 * REACH + 1];
    size_t side;
    float *pixels; /* [3, side, side] */
};

/* Mirrored at the border pixel (OpenCV's BORDER_REFLECT_101). */
static size_t reflect(long position, size_t size)
{
    long last = (long)size - 1;

    if (!last)
        return 0;
    while (position < 0 || position > last)
        position = position < 0 ? -position : 2 * last - position;
    return (size_t)position;
}

/* The 8-bit picture blurred at one pixel. */
static void blur_pixel(const struct showing *s, size_t x, size_t y, double out[3])
{
    size_t columns[2 * REACH + 1];

    out[0] = out[1] = out[2] = 0.0;
    for (long i = -REACH; i <= REACH; i++)
        columns[i + REACH] = 3 * reflect((long)x + i, s->width);
    for (long j = -REACH; j <= REACH; j++) {
        const uint8_t *row = s->rgb + 3 * s->width * reflect((long)y + j, s->height);
        double sum[3] = {0.0, 0.0, 0.0};
        for (size_t i = 0; i <= 2 * REACH; i++)
            for (size_t c = 0; c < 3; c++)
                sum[c] += s->kernel[i] * (double)row[columns[i] + c];
        for (size_t c = 0; c < 3; c++)
            out[c] += s->kernel[j + REACH] * sum[c];
    }
}

static void show_pixel(const struct showing *s, size_t x, size_t y, float out[3])
{
    const uint8_t *rgb = s->rgb + 3 * (y * s->width + x);
    double m = s->mask ? (double)s->mask[y * s->width + x] / 255.0 : 1.0;
    double blurred[3] = {rgb[0], rgb[1], rgb[2]}, factor = s->prepare & CLIPSEG_PREPARE_DARKEN ? 0.1 : 1.0;

    if (m < 1.0 && s->prepare & CLIPSEG_PREPARE_BLUR)
        blur_pixel(s, x, y, blurred);
    for (size_t c = 0; c < 3; c++) {
        double scale = (double)s->scale[c], offset = (double)s->offset[c];
        out[c] = (float)((rgb[c] * scale + offset) * m + factor * (blurred[c] * scale + offset) * (1.0 - m));
    }
}

/* torch's interpolate(mode="nearest") */
static size_t nearest(size_t i, size_t from, size_t to)
{
    float scale = (float)from / (float)to;

    return size_min((size_t)floorf((float)i * scale), from - 1);
}

static void show_row(void *context, size_t row, size_t worker)
{
    const struct showing *s = context;
    size_t y = nearest(row, s->square, s->side), plane = s->side * s->side;

    (void)worker;
    for (size_t i = 0; i < s->side; i++) {
        size_t x = nearest(i, s->square, s->side);
        float value[3] = {0.0f, 0.0f, 0.0f};
        if (y >= s->top && y - s->top < s->box_bottom - s->box_top && x >= s->left &&
            x - s->left < s->box_right - s->box_left)
            show_pixel(s, s->box_left + x - s->left, s->box_top + y - s->top, value);
        for (size_t c = 0; c < 3; c++)
            s->pixels[c * plane + row * s->side + i] = value[c];
    }
}

/* The box of what is at least half inside. */
static bool find_box(struct showing *s)
{
    size_t left = s->width, right = 0, top = s->height, bottom = 0;

    for (size_t y = 0; y < s->height; y++)
        for (size_t x = 0; x < s->width; x++) {
            if (s->mask[y * s->width + x] < 128)
                continue;
            left = size_min(left, x);
            right = size_max(right, x + 1);
            top = size_min(top, y);
            bottom = y + 1;
        }
    s->box_left = left;
    s->box_right = right;
    s->box_top = top;
    s->box_bottom = bottom;
    return right > left;
}

/* Nothing around the object: there is nothing to prepare. */
static bool is_whole(const struct showing *s)
{
    size_t pixels = s->width * s->height, i = 0;

    while (i < pixels && s->mask[i] == 255)
        i++;
    return i == pixels;
}

static void move_out(size_t *low, size_t *high, size_t size)
{
    double context = 0.1 * (double)(*high - *low);

    *low = (size_t)fmax(0.0, (double)*low - context);
    *high = (size_t)fmin((double)size, (double)*high + context);
}

static void frame(struct showing *s)
{
    size_t width, height;

    if (s->mask && s->prepare & CLIPSEG_PREPARE_CROP) {
        move_out(&s->box_left, &s->box_right, s->width);
        move_out(&s->box_top, &s->box_bottom, s->height);
    } else {
        s->box_left = s->box_top = 0;
        s->box_right = s->width;
        s->box_bottom = s->height;
    }
    width = s->box_right - s->box_left;
    height = s->box_bottom - s->box_top;
    s->square = size_max(width, height);
    s->left = (s->square - width) / 2;
    s->top = (s->square - height) / 2;
}

static void fill_kernel(struct showing *s)
{
    double sum = 0.0;

    for (int i = -REACH; i <= REACH; i++)
        sum += s->kernel[i + REACH] = exp(-(double)(i * i) / (2.0 * 3.0 * 3.0));
    for (size_t i = 0; i <= 2 * REACH; i++)
        s->kernel[i] /= sum;
}

/* The picture and its mask at the model's input size; freed by the caller. */
static clipseg_status shrink(struct showing *s, const struct preprocess *preprocess,
                             const clipseg_image *image, uint8_t **rgb, uint8_t **mask, clipseg_error *error)
{
    size_t side = s->side;
    clipseg_status status;

    *rgb = memory_aligned(side * side, 3);
    *mask = memory_aligned(side * side, 1);
    if (!*rgb || !*mask)
        return error_memory(error);
    status = preprocess_resize(preprocess, image, side, *rgb, error);
    for (size_t y = 0; y < side; y++)
        for (size_t x = 0; x < side; x++)
            (*mask)[y * side + x] =
                s->mask[nearest(y, s->height, side) * s->width + nearest(x, s->width, side)];
    s->rgb = *rgb;
    s->mask = *mask;
    s->width = s->height = side;
    return status;
}

/* The model's input as 8-bit colours. */
static void unnormalise(const struct showing *s, uint8_t *shown)
{
    size_t plane = s->side * s->side;

    for (size_t i = 0; i < plane; i++)
        for (size_t c = 0; c < 3; c++) {
            float value = (s->pixels[c * plane + i] - s->offset[c]) / s->scale[c];
            shown[3 * i + c] = (uint8_t)(fminf(fmaxf(value, 0.0f), 255.0f) + 0.5f);
        }
}

clipseg_status clipseg_session_embed_object(clipseg_session *session, const clipseg_image *image,
                                            const uint8_t *mask, unsigned prepare, float *embedding,
                                            uint8_t *shown, clipseg_error *error)
{
    const struct preprocess *preprocess = &session->model->preprocess;
    struct showing s = {.rgb = image->rgb,
                        .mask = mask ? mask : image->alpha,
                        .width = image->width,
                        .height = image->height,
                        .prepare = prepare,
                        .side = session->vision.side,
                        .pixels = session->vision.pixels};
    uint8_t *small_rgb = NULL, *small_mask = NULL;
    clipseg_status status = CLIPSEG_OK;

    preprocess_scaling(preprocess, s.scale, s.offset);
    if (!s.mask || !prepare || is_whole(&s)) {
        status = preprocess_apply(preprocess, &session->model->kernels, image, s.side, s.pixels, error);
    } else if (!find_box(&s)) {
        status = error_set(error, CLIPSEG_ERROR_USAGE, "visual prompt: the mask is empty: nothing is shown");
    } else {
        if (!(prepare & CLIPSEG_PREPARE_CROP))
            status = shrink(&s, preprocess, image, &small_rgb, &small_mask, error);
        frame(&s);
        fill_kernel(&s);
        if (!status)
            pool_run(session->pool, s.side, show_row, &s);
    }
    if (!status && shown)
        unnormalise(&s, shown);
    if (!status)
        vision_tower_embed(&session->vision, session->model, &session->compute, 1, embedding);
    free(small_rgb);
    free(small_mask);
    return status;
}
