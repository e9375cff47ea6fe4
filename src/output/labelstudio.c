/* labelstudio.c: Label Studio predictions: a task per picture with brush masks or polygons.
 *
 * A fragment is one line: the task. */
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "output/rle.h"
#include "output/shapes.h"

struct state {
    size_t count; /* of results so far */
    double score; /* their sum */
};

static clipseg_status begin(struct output *output, clipseg_error *error)
{
    struct buffer text = {0};

    output->state = memory_zeroed(1, sizeof(struct state));
    if (!output->state)
        return error_memory(error);
    buffer_text(&text, "{\"data\": {\"image\": ");
    buffer_json_string(&text, output->result->file_name);
    buffer_text(&text,
                "}, \"predictions\": [{\"model_version\": \"clipseg " CLIPSEG_VERSION "\", \"result\": [");
    return shapes_print(output->stream, &text, error);
}

/* type: "brushlabels" or "polygonlabels"; what follows is the rest of "value". */
static void open_result(struct buffer *text, struct output *output, const struct answer *answer,
                        const char *type, double score)
{
    const struct result *r = output->result;
    struct state *state = output->state;

    buffer_format(text, "%s{\"id\": \"%zu-%zu\", \"type\": \"%s\", ", state->count ? ", " : "", r->number,
                  state->count + 1, type);
    buffer_format(text,
                  "\"from_name\": \"tag\", \"to_name\": \"image\", \"original_width\": %zu, "
                  "\"original_height\": %zu, \"image_rotation\": 0, \"score\": %.4f, \"value\": {\"%s\": [",
                  r->image->width, r->image->height, score, type);
    buffer_json_string(text, r->categories[answer->prompt].name);
    buffer_text(text, "], ");
    state->count++;
    state->score += score;
}

static clipseg_status add_brush(struct output *output, const struct answer *answer, clipseg_error *error)
{
    const clipseg_image *image = output->result->image;
    struct measure m = shapes_measure(output, answer);
    uint8_t *mask = m.area ? bits_of_answer(output->result, answer) : NULL;
    struct runs runs = {0};
    struct buffer text = {0};

    if (!m.area)
        return CLIPSEG_OK;
    if (mask)
        runs_append_mask(&runs, mask, image->width * image->height);
    text.failed = !mask || runs.failed;
    open_result(&text, output, answer, "brushlabels", m.score);
    buffer_text(&text, "\"format\": \"rle\", \"rle\": [");
    rle_brush(&text, &runs);
    buffer_text(&text, "]}}");
    free(mask);
    runs_free(&runs);
    return shapes_print(output->stream, &text, error);
}

static clipseg_status add_polygons(struct output *output, const struct answer *answer, clipseg_error *error)
{
    const clipseg_image *image = output->result->image;
    struct measure m = shapes_measure(output, answer);
    struct polygons polygons;
    struct buffer text = {0};
    clipseg_status status = shapes_polygons(output, answer, &polygons, error);

    for (size_t k = 0; !status && k < polygons.count; k++) {
        const struct polygon *p = &polygons.polygons[k];
        open_result(&text, output, answer, "polygonlabels", m.score);
        buffer_text(&text, "\"closed\": true, \"points\": [");
        for (size_t i = p->first; i < p->first + p->count; i++) /* in per cent */
            buffer_format(&text, "%s[%.7g, %.7g]", i > p->first ? ", " : "",
                          100.0 * polygons.points[i][0] / (double)image->width,
                          100.0 * polygons.points[i][1] / (double)image->height);
        buffer_text(&text, "]}}");
    }
    polygons_free(&polygons);
    return status ? status : shapes_print(output->stream, &text, error);
}

static clipseg_status end(struct output *output, clipseg_error *error)
{
    const struct state *state = output->state;
    struct buffer text = {0};

    buffer_format(&text, "], \"score\": %.4f}]}\n", state->count ? state->score / (double)state->count : 0.0);
    return shapes_print(output->stream, &text, error);
}

static clipseg_status assemble_tasks(const struct dataset *dataset, FILE *stream, clipseg_error *error)
{
    fputs("[\n", stream);
    clipseg_status status = shapes_join(dataset, true, true, stream, error);
    fputs("]\n", stream);
    return status;
}

/* The project's labelling interface. */
static clipseg_status assemble_view(const struct dataset *dataset, const char *control, FILE *stream,
                                    clipseg_error *error)
{
    struct buffer text = {0};

    buffer_text(&text, "<View>\n  <Image name=\"image\" value=\"$image\" zoom=\"true\"/>\n");
    buffer_format(&text, "  <%s name=\"tag\" toName=\"image\">\n", control);
    for (size_t i = 0; i < dataset->category_count; i++) {
        buffer_text(&text, "    <Label value=\"");
        buffer_xml(&text, dataset->categories[i].name);
        buffer_text(&text, "\" background=\"");
        shapes_colour(&text, &dataset->categories[i]);
        buffer_text(&text, "\"/>\n");
    }
    buffer_format(&text, "  </%s>\n</View>\n", control);
    return shapes_print(stream, &text, error);
}

static clipseg_status assemble_brush_view(const struct dataset *dataset, FILE *stream, clipseg_error *error)
{
    return assemble_view(dataset, "BrushLabels", stream, error);
}

static clipseg_status assemble_polygon_view(const struct dataset *dataset, FILE *stream, clipseg_error *error)
{
    return assemble_view(dataset, "PolygonLabels", stream, error);
}

static const struct dataset_file files[] = {
    {"labelstudio.json", assemble_tasks}, {"labelstudio.xml", assemble_brush_view}, {NULL, NULL}};
static const struct dataset_file polygon_files[] = {{"labelstudio-polygons.json", assemble_tasks},
                                                    {"labelstudio-polygons.xml", assemble_polygon_view},
                                                    {NULL, NULL}};

const struct format format_labelstudio = {.name = "labelstudio",
                                          .help =
                                              "Label Studio predictions, brush: labelstudio.json and .xml",
                                          .needs_probability = true,
                                          .fragments = true,
                                          .files = files,
                                          .begin = begin,
                                          .add = add_brush,
                                          .end = end};

const struct format format_labelstudio_polygons = {
    .name = "labelstudio-polygons",
    .help = "Label Studio predictions with polygons: labelstudio-polygons.json and .xml",
    .needs_probability = true,
    .fragments = true,
    .files = polygon_files,
    .begin = begin,
    .add = add_polygons,
    .end = end};
