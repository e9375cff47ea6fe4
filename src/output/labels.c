/* labels.c: one map for all prompts: every pixel the number of the prompt that owns it. */
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "output/output.h"

#define UNDECIDED 255 /* in a palette picture: as Pascal VOC's "void" */

static bool any_undecided(const uint16_t *labels, size_t pixels)
{
    for (size_t i = 0; i < pixels; i++)
        if (labels[i] == UINT16_MAX)
            return true;
    return false;
}

static clipseg_status end(struct output *output, clipseg_error *error)
{
    const clipseg_image *image = output->result->image;
    const uint16_t *labels = output->result->labels;
    size_t pixels = image->width * image->height, count = output->result->prompt_count;
    struct png_palette palette = {.count = count + 1};
    uint8_t *narrow;

    if (count > UNDECIDED || (count == UNDECIDED && any_undecided(labels, pixels)))
        return png_write(output->stream, PNG_GREY16, image->width, image->height, labels, NULL, error);
    narrow = memory_aligned(pixels, 1);
    if (!narrow)
        return error_memory(error);
    for (size_t i = 0; i < pixels; i++)
        narrow[i] = (uint8_t)labels[i]; /* UINT16_MAX becomes UNDECIDED */
    for (size_t i = 0; i < palette.count; i++)
        colour_label(i, palette.rgb[i]);
    if (count < UNDECIDED && any_undecided(labels, pixels)) {
        static const uint8_t cream[3] = {224, 224, 192}; /* the data set's own colour for it */
        palette.count = 256;
        for (size_t c = 0; c < 3; c++)
            palette.rgb[UNDECIDED][c] = cream[c];
    }
    clipseg_status status =
        png_write(output->stream, PNG_PALETTE8, image->width, image->height, narrow, &palette, error);
    free(narrow);
    return status;
}

const struct format format_labels = {.name = "labels",
                                     .suffix = ".labels.png",
                                     .help = "one map: every pixel the number of its prompt",
                                     .needs_labels = true,
                                     .end = end};
