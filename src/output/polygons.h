/* polygons.h: a mask as polygons: one for every connected part, holes cut open. */
#ifndef OUTPUT_POLYGONS_H
#define OUTPUT_POLYGONS_H

#include "output/contours.h"

struct polygon {
    size_t first, count; /* of the points */
};

/* In pixels: (0, 0) is the picture's upper left corner, (width, height) the lower right one. A polygon does
 * not repeat its first point. A hole is joined to the border around it by a straight cut, walked there and
 * back: the only places where a polygon meets itself are such cuts and corners that pixels share. The area
 * inside, by any rule of filling, is the mask's: exactly with tolerance 0. */
struct polygons {
    double (*points)[2];      /* [point_count] */
    struct polygon *polygons; /* [count], from top to bottom by their first pixel */
    size_t point_count, count;
};

/* mask: [height, width] of 0 and 1, the same afterwards. tolerance: how far, in pixels, the border may be
 * off. Errors: MEMORY. */
clipseg_status polygons_trace(struct polygons *polygons, uint8_t *mask, size_t width, size_t height,
                              double tolerance, clipseg_error *error);

void polygons_free(struct polygons *polygons);

#endif
