/* labels.c: one map for all prompts: every pixel the id of the prompt or category that owns it. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "output/output.h"

#define UNDECIDED 255 /* in a palette picture: as Pascal VOC's "void" */

static clipseg_status begin(struct output *output, clipseg_error *error)
{
    const struct result *r = output->result;

    for (size_t i = 0; i < r->prompt_count; i++)
        if (r->categories[i].id >= UINT16_MAX)
            return error_set(error, CLIPSEG_ERROR_USAGE,
                             "labels: id %u of \"%.60s\" is too large for a label map, want less than %d",
                             r->categories[i].id, r->categories[i].name, UINT16_MAX);
    return CLIPSEG_OK;
}

/* ids: the map with the categories' ids, [pixels]; the result is the largest id that any category has. */
static uint32_t find_ids(const struct result *r, uint16_t *ids, bool *any_undecided)
{
    size_t pixels = r->image->width * r->image->height;
    uint32_t largest = 0;

    *any_undecided = false;
    for (size_t i = 0; i < r->prompt_count; i++)
        largest = r->categories[i].id > largest ? r->categories[i].id : largest;
    for (size_t i = 0; i < pixels; i++) {
        uint16_t label = r->labels[i];
        *any_undecided = *any_undecided || label == UINT16_MAX;
        ids[i] = label && label != UINT16_MAX ? (uint16_t)r->categories[label - 1].id : label;
    }
    return largest;
}

static clipseg_status write_palette(FILE *stream, const struct result *r, uint32_t largest,
                                    const uint16_t *ids, bool any_undecided, clipseg_error *error)
{
    static const uint8_t cream[3] = {224, 224, 192}; /* Pascal VOC's own colour for it */
    size_t pixels = r->image->width * r->image->height;
    struct png_palette palette = {.count = any_undecided ? 256 : largest + 1};
    uint8_t *narrow = memory_aligned(pixels, 1);

    if (!narrow)
        return error_memory(error);
    for (size_t i = 0; i < pixels; i++)
        narrow[i] = (uint8_t)ids[i]; /* UINT16_MAX becomes UNDECIDED */
    for (size_t i = 0; i < r->prompt_count; i++)
        memcpy(palette.rgb[r->categories[i].id], r->categories[i].colour, 3);
    if (any_undecided)
        memcpy(palette.rgb[UNDECIDED], cream, 3);
    clipseg_status status =
        png_write(stream, PNG_PALETTE8, r->image->width, r->image->height, narrow, &palette, error);
    free(narrow);
    return status;
}

static clipseg_status end(struct output *output, clipseg_error *error)
{
    const struct result *r = output->result;
    uint16_t *ids = memory_aligned(r->image->width * r->image->height, sizeof *ids);
    bool any_undecided;
    clipseg_status status;

    if (!ids)
        return error_memory(error);
    uint32_t largest = find_ids(r, ids, &any_undecided);
    if (largest > UNDECIDED || (largest == UNDECIDED && any_undecided))
        status = png_write(output->stream, PNG_GREY16, r->image->width, r->image->height, ids, NULL, error);
    else
        status = write_palette(output->stream, r, largest, ids, any_undecided, error);
    free(ids);
    return status;
}

const struct format format_labels = {.name = "labels",
                                     .suffix = ".labels.png",
                                     .help = "one map: every pixel the id of its prompt or category",
                                     .needs_labels = true,
                                     .begin = begin,
                                     .end = end};
