/* frames.c: masks and overlays as pixels without a file format, as video wants them. */
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "output/output.h"

static clipseg_status write_pixels(struct output *output, uint8_t *pixels, size_t count, clipseg_error *error)
{
    bool written = fwrite(pixels, 1, count, output->stream) == count;

    free(pixels);
    return written ? CLIPSEG_OK : error_set(error, CLIPSEG_ERROR_IO, "the frame cannot be written");
}

static clipseg_status add_mask(struct output *output, const struct answer *answer, clipseg_error *error)
{
    size_t pixels = output->result->image->width * output->result->image->height;
    uint8_t *mask = memory_aligned(pixels, 1);

    if (!mask)
        return error_memory(error);
    for (size_t i = 0; i < pixels; i++)
        mask[i] = answer->probability[i] > output->result->threshold ? 255 : 0;
    return write_pixels(output, mask, pixels, error);
}

static clipseg_status add_overlay(struct output *output, const struct answer *answer, clipseg_error *error)
{
    size_t pixels = output->result->image->width * output->result->image->height;
    uint8_t *rgb = memory_aligned(pixels, 3);

    if (!rgb)
        return error_memory(error);
    overlay_paint(output->result->image, answer->probability, output->result->threshold,
                  output->result->categories[answer->prompt].colour, rgb);
    return write_pixels(output, rgb, 3 * pixels, error);
}

const struct format format_mask_frame = {.name = "mask",
                                         .suffix = ".gray",
                                         .help = "0 and 255 per pixel",
                                         .per_prompt = true,
                                         .needs_probability = true,
                                         .add = add_mask};
const struct format format_overlay_frame = {.name = "overlay",
                                            .suffix = ".rgb",
                                            .help = "three bytes per pixel",
                                            .per_prompt = true,
                                            .needs_probability = true,
                                            .add = add_overlay};
