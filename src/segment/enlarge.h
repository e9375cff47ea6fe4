/* enlarge.h: logits at the model's size to probabilities at the picture's. */
#ifndef SEGMENT_ENLARGE_H
#define SEGMENT_ENLARGE_H

#include "base/pool.h"
#include "clipseg.h"
#include "kernels/kernels.h"

/* torch's interpolate(mode="bilinear", align_corners=False), then the sigmoid. logits: [side, side];
 * probability: [height, width]. Needs no session, so that one thread may enlarge while another computes; each
 * wants a pool of its own. Errors: MEMORY. */
clipseg_status enlarge(const struct kernels *kernels, struct pool *pool, const float *logits, size_t side,
                       size_t width, size_t height, float *probability, clipseg_error *error);

/* Where output cell i reads: the cell before it, and the weight of the one behind. from: at least 2. */
int32_t enlarge_source(size_t i, size_t from, size_t to, float *weight);

#endif
