/* heatmap.c: the probability in colours (viridis over 0..1). */
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "output/output.h"

static clipseg_status add(struct output *output, const struct answer *answer, clipseg_error *error)
{
    const clipseg_image *image = output->result->image;
    size_t pixels = image->width * image->height;
    uint8_t *rgb = memory_aligned(pixels, 3);

    if (!rgb)
        return error_memory(error);
    for (size_t i = 0; i < pixels; i++)
        colour_viridis(answer->probability[i], rgb + 3 * i);
    clipseg_status status =
        png_write(output->stream, PNG_RGB8, image->width, image->height, rgb, NULL, error);
    free(rgb);
    return status;
}

const struct format format_heatmap = {.name = "heatmap",
                                      .suffix = ".heatmap.png",
                                      .help = "probability as colours, per prompt",
                                      .per_prompt = true,
                                      .needs_probability = true,
                                      .add = add};
