/* grid.h: the bilateral grid (Chen, Paris and Durand 2007; Barron and Poole 2016): pixels that lie close
 * together and look alike share a vertex, so that what is smooth on the grid is smooth in the picture but
 * for its edges. Built once per picture. */
#ifndef SEGMENT_REFINE_GRID_H
#define SEGMENT_REFINE_GRID_H

#include "base/pool.h"
#include "clipseg.h"

#define GRID_LINKS 10 /* one step up and down in x, y, luma and the two chromas */

struct grid {
    size_t width, height; /* of the picture that it was made from */
    size_t bands;         /* rows of cells; the vertices of a band follow each other */
    size_t band_height;   /* in pixels */
    size_t vertices;
    uint32_t *band_first; /* [bands + 1]: the number of each band's first vertex */
    uint32_t *vertex;     /* [height, width] */
    uint32_t *links;      /* [vertices, GRID_LINKS]; `vertices` stands for none: arrays over vertices have
                             one more element, which is 0 */
    float *mass;          /* [vertices]: m of the bistochastisation, the row sums of the smoothing */
    float *scale;         /* [vertices + 1]: n, so that n * blur(n) = m */
};

struct grid_cell {
    float pixels; /* the side of a cell in the plane */
    float luma, chroma;
};

/* rgb: [height, width, 3]. On failure the grid is empty. Errors: MEMORY. */
clipseg_status grid_build(struct grid *grid, const uint8_t *rgb, size_t width, size_t height,
                          const struct grid_cell *cell, struct pool *pool, clipseg_error *error);
void grid_free(struct grid *grid);

/* balance.c: find mass and scale; `scratch` has [2][vertices + 1]. */
void grid_balance(struct grid *grid, struct pool *pool, float *scratch);

/* 2 * dimensions times itself plus the neighbours: the blur with the weights 1 2 1 in every dimension. */
static inline float grid_blur(const struct grid *grid, const float *x, size_t v)
{
    const uint32_t *link = grid->links + v * GRID_LINKS;
    float sum = (float)GRID_LINKS * x[v];

    for (size_t i = 0; i < GRID_LINKS; i++)
        sum += x[link[i]];
    return sum;
}

#endif
