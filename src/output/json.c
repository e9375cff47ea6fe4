/* json.c: numbers about every mask: area, box, highest and mean probability. */

#include "base/buffer.h"
#include "base/error.h"
#include "output/output.h"

struct measure {
    size_t area, left, top, right, bottom; /* of the pixels above the threshold; right and bottom exclusive */
    double maximum, sum;
};

static struct measure measure_mask(const clipseg_image *image, const float *probability, float threshold)
{
    struct measure m = {.left = image->width, .top = image->height};

    for (size_t y = 0; y < image->height; y++)
        for (size_t x = 0; x < image->width; x++) {
            float p = *probability++;
            m.sum += (double)p;
            m.maximum = (double)p > m.maximum ? (double)p : m.maximum;
            if (!(p > threshold))
                continue;
            m.area++;
            m.left = x < m.left ? x : m.left;
            m.right = x + 1 > m.right ? x + 1 : m.right;
            m.top = y < m.top ? y : m.top;
            m.bottom = y + 1;
        }
    if (!m.area)
        m.left = m.top = 0;
    return m;
}

static clipseg_status print(struct output *output, struct buffer *text, clipseg_error *error)
{
    bool complete = !text->failed;

    if (complete)
        fwrite(text->data, 1, text->size, output->stream);
    buffer_free(text);
    if (!complete)
        return error_memory(error);
    return ferror(output->stream) ? error_set(error, CLIPSEG_ERROR_IO, "json: cannot be written")
                                  : CLIPSEG_OK;
}

static clipseg_status begin(struct output *output, clipseg_error *error)
{
    struct buffer text = {0};

    buffer_text(&text, "{\"image\": ");
    buffer_json_string(&text, output->result->image_name);
    buffer_format(&text, ", \"width\": %zu, \"height\": %zu, \"prompts\": [", output->result->image->width,
                  output->result->image->height);
    return print(output, &text, error);
}

static clipseg_status add(struct output *output, const struct answer *answer, clipseg_error *error)
{
    const clipseg_image *image = output->result->image;
    struct measure m = measure_mask(image, answer->probability, output->result->threshold);
    struct buffer text = {0};

    buffer_text(&text, answer->prompt ? ", {\"prompt\": " : "{\"prompt\": ");
    buffer_json_string(&text, output->result->prompts[answer->prompt]);
    buffer_format(&text, ", \"area\": %zu, \"box\": [%zu, %zu, %zu, %zu], \"max\": %.6g, \"mean\": %.6g}",
                  m.area, m.left, m.top, m.right - m.left, m.bottom - m.top, m.maximum,
                  m.sum / ((double)image->width * (double)image->height));
    return print(output, &text, error);
}

static clipseg_status end(struct output *output, clipseg_error *error)
{
    struct buffer text = {0};

    buffer_text(&text, "]}\n");
    return print(output, &text, error);
}

const struct format format_json = {.name = "json",
                                   .suffix = ".json",
                                   .help = "area, box and probability of every mask",
                                   .needs_probability = true,
                                   .begin = begin,
                                   .add = add,
                                   .end = end};
