/* cvat.c: "CVAT for images 1.1": masks or polygons in XML.
 *
 * A fragment is the rest of an <image> element behind its id, which is the position among the pictures in
 * lexical order, as CVAT numbers frames. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "output/shapes.h"

static clipseg_status begin(struct output *output, clipseg_error *error)
{
    const struct result *r = output->result;
    struct buffer text = {0};

    buffer_text(&text, " name=\"");
    buffer_xml(&text, r->file_name);
    buffer_format(&text, "\" width=\"%zu\" height=\"%zu\">\n", r->image->width, r->image->height);
    return shapes_print(output->stream, &text, error);
}

static void open_shape(struct buffer *text, const char *element, const struct output *output,
                       const struct answer *answer)
{
    buffer_format(text, "    <%s label=\"", element);
    buffer_xml(text, output->result->categories[answer->prompt].name);
    buffer_text(text, "\" source=\"auto\" occluded=\"0\"");
}

/* Row-major runs inside the mask's box, background first. */
static clipseg_status add_mask(struct output *output, const struct answer *answer, clipseg_error *error)
{
    size_t width = output->result->image->width;
    struct measure m = shapes_measure(output, answer);
    uint8_t *mask = bits_of_answer(output->result, answer);
    struct runs runs = {0};
    struct buffer text = {0};

    for (size_t y = m.top; mask && y < m.top + m.height; y++)
        runs_append_mask(&runs, mask + y * width + m.left, m.width);
    text.failed = !mask || runs.failed;
    if (m.area) {
        open_shape(&text, "mask", output, answer);
        buffer_text(&text, " rle=\"");
        for (size_t i = 0; i < runs.count; i++)
            buffer_format(&text, "%s%zu", i ? ", " : "", runs.lengths[i]);
        buffer_format(
            &text, "\" left=\"%zu\" top=\"%zu\" width=\"%zu\" height=\"%zu\" z_order=\"0\">\n    </mask>\n",
            m.left, m.top, m.width, m.height);
    }
    runs_free(&runs);
    free(mask);
    return shapes_print(output->stream, &text, error);
}

/* One element for each part; those of a prompt are a group. */
static clipseg_status add_polygons(struct output *output, const struct answer *answer, clipseg_error *error)
{
    struct polygons polygons;
    struct buffer text = {0};
    clipseg_status status = shapes_polygons(output, answer, &polygons, error);

    for (size_t k = 0; !status && k < polygons.count; k++) {
        const struct polygon *p = &polygons.polygons[k];
        open_shape(&text, "polygon", output, answer);
        buffer_text(&text, " points=\"");
        for (size_t i = p->first; i < p->first + p->count; i++) {
            buffer_text(&text, i > p->first ? ";" : "");
            shapes_number(&text, polygons.points[i][0]);
            buffer_text(&text, ",");
            shapes_number(&text, polygons.points[i][1]);
        }
        buffer_text(&text, "\" z_order=\"0\"");
        if (polygons.count > 1)
            buffer_format(&text, " group_id=\"%zu\"", answer->prompt + 1);
        buffer_text(&text, ">\n    </polygon>\n");
    }
    polygons_free(&polygons);
    return status ? status : shapes_print(output->stream, &text, error);
}

static clipseg_status end(struct output *output, clipseg_error *error)
{
    struct buffer text = {0};

    buffer_text(&text, "  </image>\n");
    return shapes_print(output->stream, &text, error);
}

static clipseg_status write_labels(const struct dataset *dataset, const char *type, FILE *stream,
                                   clipseg_error *error)
{
    struct buffer text = {0};

    buffer_text(&text, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<annotations>\n  <version>1.1</version>\n"
                       "  <meta>\n    <task>\n      <name>clipseg</name>\n");
    buffer_format(&text, "      <size>%zu</size>\n      <mode>annotation</mode>\n      <labels>\n",
                  dataset->picture_count);
    for (size_t i = 0; i < dataset->category_count; i++) {
        buffer_text(&text, "        <label>\n          <name>");
        buffer_xml(&text, dataset->categories[i].name);
        buffer_text(&text, "</name>\n          <color>");
        shapes_colour(&text, &dataset->categories[i]);
        buffer_format(&text, "</color>\n          <type>%s</type>\n          <attributes>\n", type);
        buffer_text(&text, "          </attributes>\n        </label>\n");
    }
    buffer_text(&text, "      </labels>\n    </task>\n  </meta>\n");
    return shapes_print(stream, &text, error);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct dataset_picture *)a)->name, ((const struct dataset_picture *)b)->name);
}

static clipseg_status assemble(const struct dataset *dataset, const char *type, FILE *stream,
                               clipseg_error *error)
{
    struct dataset_picture *sorted = memory_zeroed(dataset->picture_count, sizeof *sorted);
    clipseg_status status = sorted ? write_labels(dataset, type, stream, error) : error_memory(error);

    if (!status && dataset->picture_count) {
        memcpy(sorted, dataset->pictures, dataset->picture_count * sizeof *sorted);
        qsort(sorted, dataset->picture_count, sizeof *sorted, by_name);
    }
    for (size_t i = 0; !status && i < dataset->picture_count; i++) {
        fprintf(stream, "  <image id=\"%zu\"", i);
        status = output_copy(sorted[i].fragment, stream, error);
    }
    fputs("</annotations>\n", stream);
    free(sorted);
    return status;
}

static clipseg_status assemble_masks(const struct dataset *dataset, FILE *stream, clipseg_error *error)
{
    return assemble(dataset, "mask", stream, error);
}

static clipseg_status assemble_polygons(const struct dataset *dataset, FILE *stream, clipseg_error *error)
{
    return assemble(dataset, "polygon", stream, error);
}

static const struct dataset_file files[] = {{"annotations.xml", assemble_masks}, {NULL, NULL}};
static const struct dataset_file polygon_files[] = {{"annotations-polygons.xml", assemble_polygons},
                                                    {NULL, NULL}};

const struct format format_cvat = {.name = "cvat",
                                   .help = "CVAT for images 1.1 with masks: annotations.xml",
                                   .needs_probability = true,
                                   .fragments = true,
                                   .files = files,
                                   .begin = begin,
                                   .add = add_mask,
                                   .end = end};

const struct format format_cvat_polygons = {.name = "cvat-polygons",
                                            .help =
                                                "CVAT for images 1.1 with polygons: annotations-polygons.xml",
                                            .needs_probability = true,
                                            .fragments = true,
                                            .files = polygon_files,
                                            .begin = begin,
                                            .add = add_polygons,
                                            .end = end};
