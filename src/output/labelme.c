/* labelme.c: LabelMe: a JSON file beside each picture, with polygons or masks. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "output/shapes.h"

struct state {
    size_t count; /* of shapes so far */
};

static clipseg_status begin(struct output *output, clipseg_error *error)
{
    struct buffer text = {0};

    output->state = memory_zeroed(1, sizeof(struct state));
    buffer_text(&text, "{\n  \"version\": \"5.5.0\",\n  \"flags\": {},\n  \"shapes\": [");
    return output->state ? shapes_print(output->stream, &text, error) : error_memory(error);
}

static void open_shape(struct buffer *text, const struct output *output, const struct answer *answer)
{
    struct state *state = output->state;

    buffer_text(text, state->count++ ? ",\n    {\"label\": " : "\n    {\"label\": ");
    buffer_json_string(text, output->result->categories[answer->prompt].name);
    buffer_text(text, ", \"points\": [");
}

static void close_shape(struct buffer *text, const char *type, size_t group)
{
    buffer_text(text, "], \"group_id\": ");
    if (group)
        buffer_format(text, "%zu", group);
    else
        buffer_text(text, "null");
    buffer_format(text, ", \"description\": \"\", \"shape_type\": \"%s\", \"flags\": {}, \"mask\": ", type);
}

/* A shape for each part; those of a prompt are a group. */
static clipseg_status add_polygons(struct output *output, const struct answer *answer, clipseg_error *error)
{
    struct polygons polygons;
    struct buffer text = {0};
    clipseg_status status = shapes_polygons(output, answer, &polygons, error);

    for (size_t k = 0; !status && k < polygons.count; k++) {
        const struct polygon *p = &polygons.polygons[k];
        open_shape(&text, output, answer);
        for (size_t i = p->first; i < p->first + p->count; i++) {
            buffer_text(&text, i > p->first ? ", [" : "[");
            shapes_number(&text, polygons.points[i][0]);
            buffer_text(&text, ", ");
            shapes_number(&text, polygons.points[i][1]);
            buffer_text(&text, "]");
        }
        close_shape(&text, "polygon", polygons.count > 1 ? answer->prompt + 1 : 0);
        buffer_text(&text, "null}");
    }
    polygons_free(&polygons);
    return status ? status : shapes_print(output->stream, &text, error);
}

/* The mask's box as a base64 PNG of 0 and 1. */
static clipseg_status append_box(struct buffer *text, const struct output *output,
                                 const struct answer *answer, const struct measure *m, clipseg_error *error)
{
    size_t width = output->result->image->width, size = 0;
    uint8_t *mask = bits_of_answer(output->result, answer);
    char *png = NULL;
    FILE *stream = mask ? open_memstream(&png, &size) : NULL;
    clipseg_status status = stream ? CLIPSEG_OK : error_memory(error);

    for (size_t y = 0; mask && y < m->height; y++) /* to the front of the same memory */
        memmove(mask + y * m->width, mask + (m->top + y) * width + m->left, m->width);
    if (!status)
        status = png_write(stream, PNG_GREY8, m->width, m->height, mask, NULL, error);
    if (stream && fclose(stream) && !status)
        status = error_memory(error);
    if (!status)
        buffer_base64(text, png, size);
    free(png);
    free(mask);
    return status;
}

static clipseg_status add_mask(struct output *output, const struct answer *answer, clipseg_error *error)
{
    struct measure m = shapes_measure(output, answer);
    struct buffer text = {0};

    if (!m.area)
        return CLIPSEG_OK;
    open_shape(&text, output, answer);
    buffer_format(&text, "[%zu, %zu], [%zu, %zu]", m.left, m.top, m.left + m.width - 1, m.top + m.height - 1);
    close_shape(&text, "mask", 0);
    buffer_text(&text, "\"");
    clipseg_status status = append_box(&text, output, answer, &m, error);
    buffer_text(&text, "\"}");
    if (!status)
        return shapes_print(output->stream, &text, error);
    buffer_free(&text);
    return status;
}

/* From the folder of one file to another file, both absolute: "../pictures/a.jpg". */
static void append_relative(struct buffer *text, const char *folder, const char *path)
{
    size_t common = 0, i = 0;

    for (; folder[i] && folder[i] == path[i]; i++)
        if (path[i] == '/')
            common = i + 1;
    if (!folder[i] && path[i] == '/')
        common = i + 1;
    if (common <= strlen(folder))
        for (const char *rest = folder + common; *rest; rest += strcspn(rest, "/"), rest += *rest == '/')
            buffer_text(text, "../");
    buffer_text(text, path + common);
}

/* The picture, as seen from the folder in which the file will lie. */
static clipseg_status append_image_path(struct buffer *text, const struct result *r, clipseg_error *error)
{
    struct buffer relative = {0};
    char *path = realpath(r->image_name, NULL), *folder = NULL, *copy = NULL;
    const char *slash = r->base ? strrchr(r->base, '/') : NULL;

    if (r->base) {
        copy = slash ? memory_string(r->base, slash == r->base ? 1 : (size_t)(slash - r->base))
                     : memory_string(".", 1);
        folder = copy ? realpath(copy, NULL) : NULL;
    }
    if (path && folder)
        append_relative(&relative, folder, path);
    else
        buffer_text(&relative, r->file_name);
    if (!relative.failed)
        buffer_json_string(text, relative.data ? relative.data : "");
    bool failed = relative.failed || (r->base && !copy);
    buffer_free(&relative);
    free(path);
    free(folder);
    free(copy);
    return failed ? error_memory(error) : CLIPSEG_OK;
}

static clipseg_status end(struct output *output, clipseg_error *error)
{
    const struct result *r = output->result;
    const struct state *state = output->state;
    struct buffer text = {0};

    buffer_text(&text, state->count ? "\n  ],\n  \"imagePath\": " : "],\n  \"imagePath\": ");
    clipseg_status status = append_image_path(&text, r, error);
    buffer_format(&text, ",\n  \"imageData\": null,\n  \"imageHeight\": %zu,\n  \"imageWidth\": %zu\n}\n",
                  r->image->height, r->image->width);
    if (!status)
        return shapes_print(output->stream, &text, error);
    buffer_free(&text);
    return status;
}

const struct format format_labelme = {.name = "labelme",
                                      .suffix = ".json",
                                      .help = "LabelMe with polygons, per picture",
                                      .needs_probability = true,
                                      .begin = begin,
                                      .add = add_polygons,
                                      .end = end};

const struct format format_labelme_masks = {.name = "labelme-masks",
                                            .suffix = ".json",
                                            .help = "LabelMe with masks, per picture",
                                            .needs_probability = true,
                                            .begin = begin,
                                            .add = add_mask,
                                            .end = end};
