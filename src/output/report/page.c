/* page.c: the page's frame and its pictures as text. The page itself is page.html. */
#include "output/report/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "output/output.h"
#include "output/report/page_text.h"
#include "output/shapes.h"
#include "output/thumbnail.h"

#define PICTURE_SIDE 512 /* longest side of a picture in the page */
#define MAP_SIDE 256     /* and of a map */
#define QUALITY 82
#define LEVELS 101 /* areas are counted for the thresholds 0, 0.01, ... 1 */
#define SETTINGS "@settings@"
#define PICTURES "@pictures@"

/* A JSON string for a script element, which "</script" or "<!--" would end or change. */
static void append_string(struct buffer *text, const char *string)
{
    struct buffer json = {0};

    buffer_json_string(&json, string);
    for (const char *c = json.data; c && *c; c++)
        if (*c == '<')
            buffer_text(text, "\\u003c");
        else
            buffer_append(text, c, 1);
    text->failed = text->failed || json.failed;
    buffer_free(&json);
}

static void append_settings(struct buffer *text, const struct report_page *page)
{
    buffer_text(text, "{\"title\": ");
    append_string(text, page->title);
    buffer_format(text, ", \"threshold\": %.4f, \"prompts\": [", page->threshold);
    for (size_t i = 0; i < page->category_count; i++) {
        buffer_text(text, i ? ", {\"name\": " : "{\"name\": ");
        append_string(text, page->categories[i].name);
        buffer_text(text, ", \"colour\": \"");
        shapes_colour(text, &page->categories[i]);
        buffer_text(text, "\"}");
    }
    buffer_text(text, "]}");
}

clipseg_status report_page_begin(FILE *stream, const struct report_page *page, clipseg_error *error)
{
    const char *settings = strstr(report_page_text, SETTINGS), *pictures = strstr(report_page_text, PICTURES);
    struct buffer text = {0};

    buffer_append(&text, report_page_text, (size_t)(settings - report_page_text));
    append_settings(&text, page);
    settings += strlen(SETTINGS);
    buffer_append(&text, settings, (size_t)(pictures - settings));
    return shapes_print(stream, &text, error);
}

clipseg_status report_page_end(FILE *stream, clipseg_error *error)
{
    struct buffer text = {0};

    buffer_text(&text, strstr(report_page_text, PICTURES) + strlen(PICTURES));
    return shapes_print(stream, &text, error);
}

/* Whatever `write` puts into a stream, as base64. */
struct encoded {
    enum { JPEG, PNG } kind;
    size_t width, height;
    const uint8_t *pixels;
};

static clipseg_status append_encoded(struct buffer *text, const struct encoded *e, clipseg_error *error)
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&bytes, &size);
    clipseg_status status = stream ? CLIPSEG_OK : error_memory(error);

    if (!status && e->kind == JPEG)
        status = jpeg_write(stream, e->width, e->height, e->pixels, QUALITY, error);
    else if (!status)
        status = png_write(stream, PNG_GREY8, e->width, e->height, e->pixels, NULL, error);
    if (stream && fclose(stream) && !status)
        status = error_memory(error);
    if (!status)
        buffer_base64(text, bytes, size);
    free(bytes);
    return status;
}

clipseg_status report_picture_begin(struct report_picture *picture, const clipseg_image *image,
                                    const char *name, const char *caption, clipseg_error *error)
{
    struct encoded small = {.kind = JPEG};
    clipseg_status status;

    *picture = (struct report_picture){.width = image->width, .height = image->height};
    thumbnail_size(image->width, image->height, PICTURE_SIDE, &small.width, &small.height);
    uint8_t *rgb = memory_aligned(small.width * small.height, 3);
    if (!rgb)
        return error_memory(error);
    thumbnail_rgb(image, small.width, small.height, rgb);
    small.pixels = rgb;
    buffer_text(&picture->meta, "{\"name\": ");
    append_string(&picture->meta, name);
    if (caption) {
        buffer_text(&picture->meta, ", \"caption\": ");
        append_string(&picture->meta, caption);
    }
    buffer_format(&picture->meta, ", \"width\": %zu, \"height\": %zu, \"areas\": [", image->width,
                  image->height);
    status = append_encoded(&picture->data, &small, error);
    free(rgb);
    return status;
}

/* How many pixels lie above each threshold. */
static void append_areas(struct buffer *text, const float *probability, size_t pixels)
{
    size_t above[LEVELS + 1] = {0};

    for (size_t i = 0; i < pixels; i++) { /* above levels 0 .. n - 1 */
        double scaled = (double)probability[i] * (LEVELS - 1);
        above[scaled > 0.0 ? (size_t)fmin(ceil(scaled), LEVELS) : 0]++;
    }
    for (size_t level = LEVELS; level-- > 0;)
        above[level] += above[level + 1];
    for (size_t level = 1; level <= LEVELS; level++)
        buffer_format(text, "%s%zu", level > 1 ? "," : "[", above[level]);
    buffer_text(text, "]");
}

clipseg_status report_picture_map(struct report_picture *picture, const float *probability,
                                  clipseg_error *error)
{
    struct encoded small = {.kind = PNG};

    thumbnail_size(picture->width, picture->height, MAP_SIDE, &small.width, &small.height);
    uint8_t *grey = memory_aligned(small.width * small.height, 1);
    if (!grey)
        return error_memory(error);
    thumbnail_grey(probability, picture->width, picture->height, small.width, small.height, grey);
    small.pixels = grey;
    buffer_text(&picture->meta, picture->maps++ ? ", " : "");
    append_areas(&picture->meta, probability, picture->width * picture->height);
    buffer_text(&picture->data, " ");
    clipseg_status status = append_encoded(&picture->data, &small, error);
    free(grey);
    return status;
}

clipseg_status report_picture_write(struct report_picture *picture, FILE *stream, clipseg_error *error)
{
    if (picture->meta.failed || picture->data.failed)
        return error_memory(error);
    fprintf(stream, "<script type=\"application/json\" class=\"meta\">%s]}</script>\n", picture->meta.data);
    fprintf(stream, "<script type=\"text/plain\" class=\"data\">%s</script>\n", picture->data.data);
    return ferror(stream) ? error_set(error, CLIPSEG_ERROR_IO, "report: cannot be written") : CLIPSEG_OK;
}

void report_picture_free(struct report_picture *picture)
{
    buffer_free(&picture->meta);
    buffer_free(&picture->data);
}
