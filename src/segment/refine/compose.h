/* compose.h: finished tiles to what callers want: coverage, or a probability that agrees with it. */
#ifndef SEGMENT_REFINE_COMPOSE_H
#define SEGMENT_REFINE_COMPOSE_H

#include "segment/refine/refiner.h"

struct composer {
    const struct clipseg_refiner *refiner;
    float threshold;
    struct refined out;
    int32_t *left; /* [image width]: where the columns read the logits */
    float *weight;
};

/* Uses refiner->clean. Errors: MEMORY. */
clipseg_status composer_begin(struct composer *composer, const struct clipseg_refiner *refiner,
                              float threshold, const struct refined *out, clipseg_error *error);
tile_function compose_tile; /* context: struct composer */
void composer_end(struct composer *composer);

/* The bilinear enlargement and its own coverage. Errors: MEMORY. */
clipseg_status compose_plain(const struct clipseg_refiner *refiner, const float *logits, float threshold,
                             const struct refined *out, clipseg_error *error);

#endif
