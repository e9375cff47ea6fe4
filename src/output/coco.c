/* coco.c: COCO's annotation files: a data set with masks as run lengths or with polygons, and a list of
 * results.
 *
 * A fragment is a line for the picture and one for each annotation. An annotation's number follows from
 * picture and prompt, so that parts of a data set made on several machines never clash. */
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "output/rle.h"
#include "output/shapes.h"

static clipseg_status begin(struct output *output, clipseg_error *error)
{
    const struct result *r = output->result;
    struct buffer text = {0};

    buffer_format(&text, "{\"id\": %zu, \"file_name\": ", r->number);
    buffer_json_string(&text, r->file_name);
    buffer_format(&text, ", \"width\": %zu, \"height\": %zu}\n", r->image->width, r->image->height);
    return shapes_print(output->stream, &text, error);
}

/* {"size": [h, w], "counts": "..."} */
static clipseg_status append_runs(struct buffer *text, const struct output *output,
                                  const struct answer *answer, clipseg_error *error)
{
    const clipseg_image *image = output->result->image;
    size_t pixels = image->width * image->height;
    uint8_t *mask = bits_of_answer(output->result, answer), *columns = memory_aligned(pixels, 1);
    struct runs runs = {0};

    if (mask && columns) {
        bits_transpose(mask, image->width, image->height, columns);
        runs_append_mask(&runs, columns, pixels);
        buffer_format(text, "{\"size\": [%zu, %zu], \"counts\": \"", image->height, image->width);
        rle_coco(text, &runs);
        buffer_text(text, "\"}");
    }
    bool done = mask && columns && !runs.failed;
    free(mask);
    free(columns);
    runs_free(&runs);
    return done ? CLIPSEG_OK : error_memory(error);
}

/* [[x, y, ...], ...]: their union is the mask */
static clipseg_status append_polygons(struct buffer *text, const struct output *output,
                                      const struct answer *answer, clipseg_error *error)
{
    struct polygons polygons;
    clipseg_status status = shapes_polygons(output, answer, &polygons, error);

    if (status)
        return status;
    buffer_text(text, "[");
    for (size_t k = 0; k < polygons.count; k++) {
        const struct polygon *p = &polygons.polygons[k];
        buffer_text(text, k ? ", [" : "[");
        for (size_t i = p->first; i < p->first + p->count; i++) {
            buffer_text(text, i > p->first ? ", " : "");
            shapes_number(text, polygons.points[i][0]);
            buffer_text(text, ", ");
            shapes_number(text, polygons.points[i][1]);
        }
        buffer_text(text, "]");
    }
    buffer_text(text, "]");
    polygons_free(&polygons);
    return CLIPSEG_OK;
}

typedef clipseg_status append_segmentation(struct buffer *text, const struct output *output,
                                           const struct answer *answer, clipseg_error *error);

static clipseg_status add(struct output *output, const struct answer *answer, append_segmentation *append,
                          clipseg_error *error)
{
    const struct result *r = output->result;
    struct measure m = shapes_measure(output, answer);
    struct buffer text = {0};

    if (!m.area)
        return CLIPSEG_OK;
    buffer_format(&text, "{\"id\": %zu, \"image_id\": %zu, \"category_id\": %u, ",
                  (r->number - 1) * r->prompt_count + answer->prompt + 1, r->number,
                  r->categories[answer->prompt].id);
    buffer_format(&text, "\"bbox\": [%zu, %zu, %zu, %zu], \"area\": %zu, \"iscrowd\": 0, \"score\": %.4f, ",
                  m.left, m.top, m.width, m.height, m.area, m.score);
    buffer_text(&text, "\"segmentation\": ");
    clipseg_status status = append(&text, output, answer, error);
    buffer_text(&text, "}\n");
    if (!status)
        return shapes_print(output->stream, &text, error);
    buffer_free(&text);
    return status;
}

static clipseg_status add_masks(struct output *output, const struct answer *answer, clipseg_error *error)
{
    return add(output, answer, append_runs, error);
}

static clipseg_status add_polygons(struct output *output, const struct answer *answer, clipseg_error *error)
{
    return add(output, answer, append_polygons, error);
}

static clipseg_status assemble(const struct dataset *dataset, FILE *stream, clipseg_error *error)
{
    struct buffer text = {0};
    clipseg_status status;

    buffer_text(&text, "],\n\"categories\": [\n");
    for (size_t i = 0; i < dataset->category_count; i++) {
        const struct category *c = &dataset->categories[i];
        buffer_format(&text, "%s{\"id\": %u, \"name\": ", i ? ",\n" : "", c->id);
        buffer_json_string(&text, c->name);
        buffer_format(&text, ", \"supercategory\": \"\", \"color\": [%u, %u, %u]}", c->colour[0],
                      c->colour[1], c->colour[2]);
    }
    buffer_text(&text, "],\n\"annotations\": [\n");
    fputs("{\"info\": {\"description\": \"made by clipseg " CLIPSEG_VERSION "\"},\n\"images\": [\n", stream);
    status = shapes_join(dataset, true, false, stream, error);
    if (!status)
        status = shapes_print(stream, &text, error);
    if (!status)
        status = shapes_join(dataset, false, true, stream, error);
    buffer_free(&text);
    fputs("]}\n", stream);
    return status;
}

/* ---- results: a list without pictures */

static clipseg_status add_result(struct output *output, const struct answer *answer, clipseg_error *error)
{
    const struct result *r = output->result;
    struct measure m = shapes_measure(output, answer);
    struct buffer text = {0};

    if (!m.area)
        return CLIPSEG_OK;
    buffer_format(&text,
                  "{\"image_id\": %zu, \"category_id\": %u, \"score\": %.4f, \"segmentation\": ", r->number,
                  r->categories[answer->prompt].id, m.score);
    clipseg_status status = append_runs(&text, output, answer, error);
    buffer_text(&text, "}\n");
    if (!status)
        return shapes_print(output->stream, &text, error);
    buffer_free(&text);
    return status;
}

static clipseg_status assemble_results(const struct dataset *dataset, FILE *stream, clipseg_error *error)
{
    fputs("[\n", stream);
    clipseg_status status = shapes_join(dataset, true, true, stream, error);
    fputs("]\n", stream);
    return status;
}

static const struct dataset_file files[] = {{"annotations.json", assemble}, {NULL, NULL}};
static const struct dataset_file polygon_files[] = {{"annotations-polygons.json", assemble}, {NULL, NULL}};
static const struct dataset_file result_files[] = {{"results.json", assemble_results}, {NULL, NULL}};

const struct format format_coco = {.name = "coco",
                                   .help = "COCO data set, masks as run lengths: annotations.json",
                                   .needs_probability = true,
                                   .fragments = true,
                                   .files = files,
                                   .begin = begin,
                                   .add = add_masks};

const struct format format_coco_polygons = {.name = "coco-polygons",
                                            .help = "COCO data set with polygons: annotations-polygons.json",
                                            .needs_probability = true,
                                            .fragments = true,
                                            .files = polygon_files,
                                            .begin = begin,
                                            .add = add_polygons};

const struct format format_coco_results = {.name = "coco-results",
                                           .help = "COCO results, as for an evaluation: results.json",
                                           .needs_probability = true,
                                           .fragments = true,
                                           .files = result_files,
                                           .add = add_result};
