/* json.c: numbers about every mask: area, box, highest and mean probability. */

#include <math.h>

#include "output/shapes.h"

static clipseg_status begin(struct output *output, clipseg_error *error)
{
    struct buffer text = {0};

    buffer_text(&text, "{\"image\": ");
    buffer_json_string(&text, output->result->image_name);
    buffer_format(&text, ", \"width\": %zu, \"height\": %zu, \"prompts\": [", output->result->image->width,
                  output->result->image->height);
    return shapes_print(output->stream, &text, error);
}

static clipseg_status add(struct output *output, const struct answer *answer, clipseg_error *error)
{
    struct measure m = shapes_measure(output, answer);
    struct buffer text = {0};

    buffer_text(&text, answer->prompt ? ", {\"prompt\": " : "{\"prompt\": ");
    buffer_json_string(&text, output->result->prompts[answer->prompt]);
    buffer_format(&text,
                  ", \"area\": %zu, \"box\": [%zu, %zu, %zu, %zu], \"max\": %.6g, \"mean\": %.6g, "
                  "\"presence\": ",
                  m.area, m.left, m.top, m.width, m.height, (double)answer->maximum, (double)answer->mean);
    if (isnan(answer->presence))
        buffer_text(&text, "null}");
    else
        buffer_format(&text, "%.6g}", (double)answer->presence);
    return shapes_print(output->stream, &text, error);
}

static clipseg_status end(struct output *output, clipseg_error *error)
{
    struct buffer text = {0};

    buffer_text(&text, "]}\n");
    return shapes_print(output->stream, &text, error);
}

const struct format format_json = {.name = "json",
                                   .suffix = ".json",
                                   .help = "area, box and probability of every mask",
                                   .needs_probability = true,
                                   .begin = begin,
                                   .add = add,
                                   .end = end};
