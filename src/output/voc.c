/* voc.c: Pascal VOC: palette PNGs with the data set's own colours, the list of pictures and the map of
 * labels. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "output/shapes.h"

#define VOID 255

/* The development kit's colour map: bits 0, 3, 6 of the label are red, from the highest bit down, and so on.
 */
static void colour_of(uint32_t label, uint8_t rgb[3])
{
    rgb[0] = rgb[1] = rgb[2] = 0;
    for (unsigned bit = 0; bit < 8; bit++, label >>= 3)
        for (unsigned c = 0; c < 3; c++)
            rgb[c] |= (uint8_t)((label >> c & 1) << (7 - bit));
}

static clipseg_status begin(struct output *output, clipseg_error *error)
{
    const struct result *r = output->result;

    for (size_t i = 0; i < r->prompt_count; i++)
        if (r->categories[i].id >= VOID)
            return error_set(error, CLIPSEG_ERROR_USAGE,
                             "voc: id %u of \"%.60s\" is too large, want at most %d", r->categories[i].id,
                             r->categories[i].name, VOID - 1);
    return CLIPSEG_OK;
}

static clipseg_status end(struct output *output, clipseg_error *error)
{
    const struct result *r = output->result;
    size_t pixels = r->image->width * r->image->height;
    struct png_palette palette = {.count = 256};
    uint8_t *ids = memory_aligned(pixels, 1);

    if (!ids)
        return error_memory(error);
    for (size_t i = 0; i < pixels; i++) {
        uint16_t label = r->labels[i];
        ids[i] = label == UINT16_MAX ? VOID : label ? (uint8_t)r->categories[label - 1].id : 0;
    }
    for (uint32_t i = 0; i < 256; i++)
        colour_of(i, palette.rgb[i]);
    clipseg_status status =
        png_write(output->stream, PNG_PALETTE8, r->image->width, r->image->height, ids, &palette, error);
    free(ids);
    return status;
}

/* label:r,g,b:parts:actions, as CVAT and Datumaro write it */
static clipseg_status assemble_labels(const struct dataset *dataset, FILE *stream, clipseg_error *error)
{
    struct buffer text = {0};
    uint8_t rgb[3];

    buffer_text(&text, "# label:color_rgb:parts:actions\nbackground:0,0,0::\n");
    for (size_t i = 0; i < dataset->category_count; i++) {
        for (const char *c = dataset->categories[i].name; *c; c++)
            buffer_append(&text, *c == ':' || *c == '\n' ? "_" : c, 1); /* the file knows no quoting */
        colour_of(dataset->categories[i].id, rgb);
        buffer_format(&text, ":%u,%u,%u::\n", rgb[0], rgb[1], rgb[2]);
    }
    return shapes_print(stream, &text, error);
}

static clipseg_status assemble_list(const struct dataset *dataset, FILE *stream, clipseg_error *error)
{
    struct buffer text = {0};

    for (size_t i = 0; i < dataset->picture_count; i++) {
        const char *name = dataset->pictures[i].name, *slash = strrchr(name, '/');
        const char *dot = strrchr(slash ? slash + 1 : name, '.');
        bool has_stem = dot && dot != (slash ? slash + 1 : name);
        buffer_append(&text, name, has_stem ? (size_t)(dot - name) : strlen(name));
        buffer_text(&text, "\n");
    }
    return shapes_print(stream, &text, error);
}

static const struct dataset_file files[] = {
    {"labelmap.txt", assemble_labels}, {"ImageSets/Segmentation/default.txt", assemble_list}, {NULL, NULL}};

const struct format format_voc = {.name = "voc",
                                  .suffix = ".png",
                                  .help =
                                      "Pascal VOC: SegmentationClass/STEM.png, labelmap.txt and ImageSets",
                                  .folder = "SegmentationClass",
                                  .needs_labels = true,
                                  .files = files,
                                  .begin = begin,
                                  .end = end};
