/* figure.c: the picture and one titled heatmap per prompt, side by side; drawn by a module that is opened on
 * first use. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "output/figure/figure.h"
#include "output/output.h"

/* One block: the panels, and behind them the pixels of the heatmaps. */
struct state {
    size_t height; /* of a heatmap; its width is that of the logits */
    uint8_t *pixels;
    struct figure_panel panels[]; /* [1 + prompt_count] */
};

/* A heatmap of about the logits' size is enough, since panels are small; its shape is the picture's. */
static size_t heatmap_height(const struct result *r)
{
    size_t height = r->size * r->image->height / r->image->width;

    return height < 1 ? 1 : height > 4 * r->size ? 4 * r->size : height;
}

static clipseg_status begin(struct output *output, clipseg_error *error)
{
    const struct result *r = output->result;
    size_t height = heatmap_height(r), panels = (r->prompt_count + 1) * sizeof(struct figure_panel);
    struct state *state;
    clipseg_status status = figure_check(error);

    if (status)
        return status;
    state = memory_zeroed(1, sizeof *state + panels + r->prompt_count * r->size * height * 3);
    if (!state)
        return error_memory(error);
    state->height = height;
    state->pixels = (uint8_t *)state->panels + panels;
    state->panels[0] = (struct figure_panel){"", r->image->rgb, r->image->width, r->image->height};
    output->state = state;
    return CLIPSEG_OK;
}

static clipseg_status add(struct output *output, const struct answer *answer, clipseg_error *error)
{
    struct state *state = output->state;
    size_t side = output->result->size, height = state->height;
    uint8_t *rgb = state->pixels + answer->prompt * side * height * 3;

    (void)error;
    state->panels[answer->prompt + 1] =
        (struct figure_panel){output->result->prompts[answer->prompt], rgb, side, height};
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < side; x++, rgb += 3)
            colour_viridis(1.0f / (1.0f + expf(-answer->logits[y * side / height * side + x])), rgb);
    return CLIPSEG_OK;
}

static clipseg_status end(struct output *output, clipseg_error *error)
{
    struct state *state = output->state;
    struct figure figure = {.count = output->result->prompt_count + 1, .panels = state->panels};

    return figure_write(&figure, output->stream, error);
}

const struct format format_figure = {.name = "figure",
                                     .suffix = ".figure.png",
                                     .help = "the picture and titled heatmaps side by side",
                                     .begin = begin,
                                     .add = add,
                                     .end = end};
