/* preprocess.c: resize, centre crop, rescale, normalise (ViTImageProcessor and CLIPImageProcessor). */
#include "model/preprocess.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

/* The resized picture and the corner of the square that is taken from it. */
struct framing {
    size_t width, height, left, top;
};

static struct framing find_framing(const struct preprocess *preprocess, const clipseg_image *image,
                                   size_t side)
{
    struct framing framing = {side, side, 0, 0};
    size_t shorter = size_min(image->width, image->height), longer = size_max(image->width, image->height);

    if (!preprocess->do_center_crop || !preprocess->shortest_edge)
        return framing;
    double enlarged = (double)preprocess->shortest_edge * (double)side / (double)preprocess->crop_width;
    size_t edge = size_max((size_t)enlarged, side);
    size_t other = (size_t)((double)edge * (double)longer / (double)shorter);
    framing.width = image->width <= image->height ? edge : other;
    framing.height = image->width <= image->height ? other : edge;
    framing.left = (framing.width - side) / 2;
    framing.top = (framing.height - side) / 2;
    return framing;
}

void preprocess_scaling(const struct preprocess *preprocess, float scale[3], float offset[3])
{
    for (size_t c = 0; c < 3; c++) {
        double factor = preprocess->do_rescale ? (double)preprocess->rescale : 1.0;
        double mean = preprocess->do_normalize ? (double)preprocess->mean[c] : 0.0;
        double deviation = preprocess->do_normalize ? (double)preprocess->deviation[c] : 1.0;
        scale[c] = (float)(factor / deviation);
        offset[c] = (float)(-mean / deviation);
    }
}

clipseg_status preprocess_resize(const struct preprocess *preprocess, const clipseg_image *image, size_t side,
                                 uint8_t *rgb, clipseg_error *error)
{
    struct framing f = find_framing(preprocess, image, side);
    size_t row_bytes, bytes;
    uint8_t *resized;

    if (f.width == side && f.height == side)
        return image_resize(image->rgb, image->width, image->height, rgb, side, side, preprocess->filter,
                            error);
    if (!size_multiply(f.width, 3, &row_bytes) || !size_multiply(row_bytes, f.height, &bytes) ||
        !(resized = memory_aligned(bytes, 1)))
        return error_memory(error);
    clipseg_status status = image_resize(image->rgb, image->width, image->height, resized, f.width, f.height,
                                         preprocess->filter, error);
    for (size_t y = 0; !status && y < side; y++)
        memcpy(rgb + 3 * side * y, resized + (y + f.top) * row_bytes + 3 * f.left, 3 * side);
    free(resized);
    return status;
}

clipseg_status preprocess_apply(const struct preprocess *preprocess, const struct kernels *kernels,
                                const clipseg_image *image, size_t side, float *pixels, clipseg_error *error)
{
    float scale[3], offset[3];
    uint8_t *rgb = memory_aligned(side * side, 3);
    clipseg_status status =
        rgb ? preprocess_resize(preprocess, image, side, rgb, error) : error_memory(error);

    preprocess_scaling(preprocess, scale, offset);
    for (size_t y = 0; !status && y < side; y++) {
        float *row = pixels + y * side;
        kernels->normalize_row(side, rgb + 3 * side * y, scale, offset, row, row + side * side,
                               row + 2 * side * side);
    }
    free(rgb);
    return status;
}
