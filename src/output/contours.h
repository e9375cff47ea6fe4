/* contours.h: the borders of a mask as closed rings of pixel corners. */
#ifndef OUTPUT_CONTOURS_H
#define OUTPUT_CONTOURS_H

#include <stdbool.h>
#include <stdint.h>

#include "clipseg.h"

/* A corner of a ring, at the corner of a pixel: x 0..width, y 0..height. */
struct corner {
    int32_t x, y;
    bool shared; /* two rings meet here, or one meets itself: such a corner is never given up */
};

/* Corners first .. first + count - 1, none of them on the line between its neighbours. The foreground lies to
 * the right of the way (y points down): outer borders have a positive area, borders of holes a negative one.
 * No ring meets itself, and no two cross; they may touch in corners. */
struct ring {
    size_t first, count;
    int64_t area; /* twice the enclosed area, with its sign */
    size_t part;  /* for holes: the number of the outer ring around it; for outer rings their own number */
};

struct contours {
    struct corner *corners; /* [corner_count] */
    struct ring *rings;     /* [ring_count] */
    size_t corner_count, corner_capacity, ring_count, ring_capacity;
};

/* mask: [height, width] of 0 and 1; bits above are used on the way and cleared again. Foreground pixels that
 * only touch diagonally are apart. `part` is not set. Errors: MEMORY. */
clipseg_status contours_trace(struct contours *contours, uint8_t *mask, size_t width, size_t height,
                              clipseg_error *error);

void contours_free(struct contours *contours);

#endif
