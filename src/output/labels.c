/* labels.c: one map for all prompts: the guide's rule (Hugging Face blog, "Zero-shot image segmentation with
 * CLIPSeg"). Class 0 has the constant probability of the threshold; the largest wins, of equals the lowest
 * number. */
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "output/output.h"

/* Behind the header lie float best[pixels], then uint16_t label[pixels]. */
static float *best_of(const struct output *output)
{
    return output->state;
}

static uint16_t *labels_of(const struct output *output)
{
    const clipseg_image *image = output->result->image;

    return (uint16_t *)(void *)(best_of(output) + image->width * image->height);
}

static clipseg_status begin(struct output *output, clipseg_error *error)
{
    size_t pixels = output->result->image->width * output->result->image->height;

    if (output->result->prompt_count > UINT16_MAX)
        return error_set(error, CLIPSEG_ERROR_USAGE, "labels: at most %d prompts", UINT16_MAX);
    output->state = memory_zeroed(pixels, sizeof(float) + sizeof(uint16_t));
    if (!output->state)
        return error_memory(error);
    for (size_t i = 0; i < pixels; i++)
        best_of(output)[i] = output->result->label_threshold;
    return CLIPSEG_OK;
}

static clipseg_status add(struct output *output, const struct answer *answer, clipseg_error *error)
{
    size_t pixels = output->result->image->width * output->result->image->height;
    float *best = best_of(output);
    uint16_t *labels = labels_of(output);

    (void)error;
    for (size_t i = 0; i < pixels; i++)
        if (answer->probability[i] > best[i]) {
            best[i] = answer->probability[i];
            labels[i] = (uint16_t)(answer->prompt + 1);
        }
    return CLIPSEG_OK;
}

static clipseg_status end(struct output *output, clipseg_error *error)
{
    const clipseg_image *image = output->result->image;
    size_t pixels = image->width * image->height;
    uint16_t *labels = labels_of(output);
    uint8_t *narrow = output->state; /* the probabilities are no longer needed */
    struct png_palette palette = {.count = output->result->prompt_count + 1};

    if (output->result->prompt_count > 255)
        return png_write(output->stream, PNG_GREY16, image->width, image->height, labels, NULL, error);
    for (size_t i = 0; i < pixels; i++)
        narrow[i] = (uint8_t)labels[i];
    for (size_t i = 0; i < palette.count; i++)
        colour_label(i, palette.rgb[i]);
    return png_write(output->stream, PNG_PALETTE8, image->width, image->height, narrow, &palette, error);
}

const struct format format_labels = {
    "labels", ".labels.png", "one map: every pixel the number of its prompt", false, true, begin, add, end};
