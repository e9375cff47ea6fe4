/* mask.c: black and white: white where the probability is above the threshold, grey on a feathered edge. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "output/output.h"

static clipseg_status add(struct output *output, const struct answer *answer, clipseg_error *error)
{
    const clipseg_image *image = output->result->image;
    size_t pixels = image->width * image->height;
    uint8_t *mask = memory_aligned(pixels, 1);

    if (!mask)
        return error_memory(error);
    for (size_t i = 0; i < pixels; i++)
        mask[i] = output->result->soft ? (uint8_t)lrintf(255.0f * answer->probability[i])
                  : answer->probability[i] > output->result->threshold ? 255
                                                                       : 0;
    clipseg_status status =
        png_write(output->stream, PNG_GREY8, image->width, image->height, mask, NULL, error);
    free(mask);
    return status;
}

const struct format format_mask = {.name = "mask",
                                   .suffix = ".mask.png",
                                   .help = "black and white picture per prompt",
                                   .per_prompt = true,
                                   .needs_probability = true,
                                   .add = add};
