/* segments.c: Segments.ai's bitmap: a picture of ids, red + 256 green + 65536 blue, opaque; 0 is unlabelled.
 */
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "output/output.h"

static clipseg_status end(struct output *output, clipseg_error *error)
{
    return segments_write(output->stream, output->result, output->result->labels, error);
}

clipseg_status segments_write(FILE *stream, const struct result *result, const uint16_t *labels,
                              clipseg_error *error)
{
    size_t pixels = result->image->width * result->image->height;
    uint8_t *rgba = memory_aligned(pixels, 4);

    for (size_t i = 0; i < result->prompt_count; i++)
        if (result->categories[i].id > 0xffffff) {
            free(rgba);
            return error_set(error, CLIPSEG_ERROR_USAGE,
                             "segments: id %u of \"%.60s\" needs more than 24 bits", result->categories[i].id,
                             result->categories[i].name);
        }
    if (!rgba)
        return error_memory(error);
    for (size_t i = 0; i < pixels; i++) {
        uint16_t label = labels[i];
        uint32_t id = label && label != UINT16_MAX ? result->categories[label - 1].id : 0;
        rgba[4 * i] = (uint8_t)id;
        rgba[4 * i + 1] = (uint8_t)(id >> 8);
        rgba[4 * i + 2] = (uint8_t)(id >> 16);
        rgba[4 * i + 3] = 255;
    }
    clipseg_status status =
        png_write(stream, PNG_RGBA8, result->image->width, result->image->height, rgba, NULL, error);
    free(rgba);
    return status;
}

const struct format format_segments = {.name = "segments",
                                       .suffix = ".segments.png",
                                       .help = "Segments.ai's bitmap: every pixel an id, as RGBA",
                                       .needs_labels = true,
                                       .end = end};
