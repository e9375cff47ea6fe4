/* islands.h: small parts of a refined label map that the model's own map has nothing of. */
#ifndef SEGMENT_REFINE_ISLANDS_H
#define SEGMENT_REFINE_ISLANDS_H

#include <stddef.h>
#include <stdint.h>

#include "clipseg.h"

/* The label that the model itself gives to a pixel. */
typedef uint16_t islands_model(const void *context, size_t x, size_t y);

/* Where three labels meet, or where a border is pulled aside by a stronger edge beside it, refinement leaves
 * crumbs. A part (4-connected, in labels [height, width]) of at most 64 cells, of which the model's own map
 * has less than a quarter of a cell, takes the label that surrounds most of it. cell: pixels per cell of the
 * model's logits. Errors: MEMORY. */
clipseg_status islands_join(uint16_t *labels, size_t width, size_t height, double cell, islands_model *model,
                            const void *context, clipseg_error *error);

#endif
