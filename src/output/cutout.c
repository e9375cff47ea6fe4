/* cutout.c: what was found cut out: the picture with the coverage as its transparency, or on a colour. */
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "output/output.h"

/* Hidden pixels are black: nothing of them is left in the file, and it is smaller. */
static void cut(size_t pixels, const uint8_t *rgb, const uint8_t *alpha, uint8_t *out)
{
    for (size_t i = 0; i < pixels; i++, rgb += 3, out += 4) {
        for (size_t c = 0; c < 3; c++)
            out[c] = alpha[i] ? rgb[c] : 0;
        out[3] = alpha[i];
    }
}

static void lay(size_t pixels, const uint8_t *rgb, const uint8_t *alpha, const uint8_t *colour, uint8_t *out)
{
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < 3; c++)
            *out++ = (uint8_t)((*rgb++ * alpha[i] + colour[c] * (255 - alpha[i]) + 127) / 255);
}

static clipseg_status add(struct output *output, const struct answer *answer, clipseg_error *error)
{
    const clipseg_image *image = output->result->image;
    const uint8_t *colour = output->result->cutout_colour;
    size_t pixels = image->width * image->height;
    uint8_t *out = memory_aligned(pixels, colour ? 3 : 4);

    if (!out)
        return error_memory(error);
    if (colour)
        lay(pixels, image->rgb, answer->alpha, colour, out);
    else
        cut(pixels, image->rgb, answer->alpha, out);
    clipseg_status status = png_write(output->stream, colour ? PNG_RGB8 : PNG_RGBA8, image->width,
                                      image->height, out, NULL, error);
    free(out);
    return status;
}

const struct format format_cutout = {.name = "cutout",
                                     .suffix = ".cutout.png",
                                     .help =
                                         "the find alone, the rest transparent or of one colour, per prompt",
                                     .per_prompt = true,
                                     .needs_alpha = true,
                                     .add = add};
