/* figure.h: between the command and the module that draws figures, which needs cairo and pango. */
#ifndef OUTPUT_FIGURE_FIGURE_H
#define OUTPUT_FIGURE_FIGURE_H

#include <stddef.h>
#include <stdint.h>

struct figure_panel {
    const char *title; /* UTF-8, any script; "" for none */
    uint8_t *rgb;      /* [height, width, 3] */
    size_t width, height;
};

struct figure {
    const char *heading; /* above all panels; NULL for none */
    size_t count;
    const struct figure_panel *panels;
};

/* Pixels of the finished figure, to be freed with free(). */
struct figure_picture {
    uint8_t *rgb;
    size_t width, height;
};

/* The module's only function, found by this name: 0, or -1 when memory is out. */
#define FIGURE_FUNCTION "clipseg_figure_draw"
typedef int figure_function(const struct figure *figure, struct figure_picture *picture);

#endif
