/* shape.h: changing the shape of black-and-white masks, exactly. Masks are [height, width] of 0 and 1. */
#ifndef SEGMENT_SHAPE_H
#define SEGMENT_SHAPE_H

#include <stdbool.h>

#include "base/pool.h"
#include "clipseg.h"

/* Distances beyond this are told as this. */
#define DISTANCE_MOST 65535u

/* distance.c: squared Euclidean distance of every pixel's centre to the centre of the nearest pixel with
 * mask == value (0 there); UINT32_MAX when there is none. Linear in the pixels. squared: [height, width].
 * Errors: MEMORY. */
clipseg_status distance_transform(struct pool *pool, const uint8_t *mask, uint8_t value, size_t width,
                                  size_t height, uint32_t *squared, clipseg_error *error);

/* components.c: clear parts (8-connected) of fewer than `area` pixels. Errors: MEMORY. */
clipseg_status components_drop_small(uint8_t *mask, size_t width, size_t height, size_t area,
                                     clipseg_error *error);

/* components.c: fill what is enclosed: parts of the outside (4-connected) that do not reach the picture's
 * border. Errors: MEMORY. */
clipseg_status components_fill_holes(uint8_t *mask, size_t width, size_t height, clipseg_error *error);

/* A length or an area as the user gives it. */
struct extent {
    double value;
    bool percent; /* lengths: of the picture's shorter side; areas: of its area */
};

/* In the order in which they happen. */
struct shape_options {
    struct extent min_area; /* 0: no */
    bool fill_holes;
    struct extent grow, shrink; /* both: a closing */
    bool invert;
    struct extent feather; /* width of a linear ramp across the edge */
};

bool shape_wanted(const struct shape_options *options);

/* probability: [height, width], in place: what is above the threshold, reshaped: 1 inside, 0 outside, between
 * them on a feathered edge; the new edge lies at 0.5. alpha: NULL, or the mask's coverage, [height, width] of
 * 0..255, in place: as soft as it was where the edge stayed, hard where it moved, the ramp when feathered.
 * Errors: MEMORY. */
clipseg_status shape_apply(struct pool *pool, const struct shape_options *options, float threshold,
                           size_t width, size_t height, float *probability, uint8_t *alpha,
                           clipseg_error *error);

#endif
