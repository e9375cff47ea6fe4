/* yolo.c: YOLO segmentation: a text file per picture, a line per connected part: class and corners, 0..1. */
#include "output/shapes.h"

static clipseg_status add(struct output *output, const struct answer *answer, clipseg_error *error)
{
    const clipseg_image *image = output->result->image;
    struct polygons polygons;
    struct buffer text = {0};
    clipseg_status status = shapes_polygons(output, answer, &polygons, error);

    for (size_t k = 0; !status && k < polygons.count; k++) {
        const struct polygon *p = &polygons.polygons[k];
        buffer_format(&text, "%zu", answer->prompt);
        for (size_t i = p->first; i < p->first + p->count; i++)
            buffer_format(&text, " %.6g %.6g", polygons.points[i][0] / (double)image->width,
                          polygons.points[i][1] / (double)image->height);
        buffer_text(&text, "\n");
    }
    polygons_free(&polygons);
    return status ? status : shapes_print(output->stream, &text, error);
}

/* Without `path` a reader looks beside this file. A JSON string is a YAML string. */
static clipseg_status assemble(const struct dataset *dataset, FILE *stream, clipseg_error *error)
{
    struct buffer text = {0};

    buffer_text(&text, "# put or link the pictures into the folder images, beside this file\n"
                       "train: images\nval: images\nnames:\n");
    for (size_t i = 0; i < dataset->category_count; i++) {
        buffer_format(&text, "  %zu: ", i);
        buffer_json_string(&text, dataset->categories[i].name);
        buffer_text(&text, "\n");
    }
    return shapes_print(stream, &text, error);
}

static const struct dataset_file files[] = {{"data.yaml", assemble}, {NULL, NULL}};

const struct format format_yolo = {.name = "yolo",
                                   .suffix = ".txt",
                                   .help = "YOLO segmentation: labels/STEM.txt and data.yaml",
                                   .folder = "labels",
                                   .needs_probability = true,
                                   .files = files,
                                   .add = add};
