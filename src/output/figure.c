/* figure.c: the picture and one titled heatmap per prompt, side by side; drawn by a module that is opened on
 * first use. */
#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "output/figure/figure.h"
#include "output/output.h"

#define MODULE "clipseg-figure.so"
#ifndef CLIPSEG_MODULE_DIRECTORY
#define CLIPSEG_MODULE_DIRECTORY "/usr/local/lib/clipseg"
#endif

/* In `directory`, or NULL. */
static void *open_module(const char *directory, size_t length)
{
    char path[4096];
    int size = snprintf(path, sizeof path, "%.*s/" MODULE, (int)length, directory);

    return size > 0 && (size_t)size < sizeof path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
}

/* Beside the executable, as it is built; else where it was installed. */
static figure_function *find_function(clipseg_error *error)
{
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self);
    void *module = NULL;
    figure_function *function = NULL;

    while (length > 0 && self[length - 1] != '/')
        length--;
    if (length > 0)
        module = open_module(self, (size_t)length);
    if (!module)
        module = open_module(CLIPSEG_MODULE_DIRECTORY, strlen(CLIPSEG_MODULE_DIRECTORY));
    void *symbol = module ? dlsym(module, FIGURE_FUNCTION) : NULL;
    memcpy(&function, &symbol, sizeof function); /* C has no cast from object to function pointers */
    if (!function)
        error_set(error, CLIPSEG_ERROR_USAGE,
                  "figure: " MODULE " cannot be opened; build with -DCLIPSEG_FIGURE=ON and "
                  "install cairo and pango");
    return function;
}

/* One block: the panels, and behind them the pixels of the heatmaps. */
struct state {
    figure_function *function;
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
    figure_function *function = find_function(error);
    struct state *state;

    if (!function)
        return CLIPSEG_ERROR_USAGE;
    state = memory_zeroed(1, sizeof *state + panels + r->prompt_count * r->size * height * 3);
    if (!state)
        return error_memory(error);
    *state = (struct state){.function = function, .height = height};
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
    struct figure figure = {output->result->prompt_count + 1, state->panels};
    struct figure_picture picture = {0};
    clipseg_status status = CLIPSEG_OK;

    if (state->function(&figure, &picture))
        status = error_memory(error);
    if (!status)
        status = png_write(output->stream, PNG_RGB8, picture.width, picture.height, picture.rgb, NULL, error);
    free(picture.rgb);
    return status;
}

const struct format format_figure = {.name = "figure",
                                     .suffix = ".figure.png",
                                     .help = "the picture and titled heatmaps side by side",
                                     .begin = begin,
                                     .add = add,
                                     .end = end};
