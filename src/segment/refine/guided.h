/* guided.h: the guided filter with a colour guide (He, Sun and Tang 2010): in every window the output is an
 * affine function of the colour, so borders move onto the photograph's. */
#ifndef SEGMENT_REFINE_GUIDED_H
#define SEGMENT_REFINE_GUIDED_H

#include <stddef.h>
#include <stdint.h>

/* One tile. The region is the tile with a margin of 2 radius, less where the picture ends. */
struct guided_tile {
    const uint8_t *rgb; /* the region's first pixel */
    size_t stride;      /* bytes between the guide's rows */
    const float *input; /* [height, width], 0..1 */
    size_t width, height;
    size_t left, top, tile_width, tile_height; /* the tile inside of the region */
};

/* Floats of scratch for regions up to this width. */
size_t guided_scratch(size_t width, size_t radius);

/* out: [tile_height, tile_width], not clamped */
void guided_filter(const struct guided_tile *tile, size_t radius, float epsilon, float *scratch, float *out);

#endif
