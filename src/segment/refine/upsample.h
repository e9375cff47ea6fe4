/* upsample.h: from the grid's picture to the photograph's own pixels, tile by tile: most tiles lie wholly
 * inside or outside and cost nothing, the others follow the photograph's edges by a guided filter. */
#ifndef SEGMENT_REFINE_UPSAMPLE_H
#define SEGMENT_REFINE_UPSAMPLE_H

#include <stdbool.h>

#include "base/pool.h"
#include "clipseg.h"
#include "segment/refine/evidence.h"

struct upsampler {
    const clipseg_image *image;
    struct pool *pool;
    size_t width, height; /* of the grid's picture */
    size_t radius;        /* of the guided filter, in the photograph's pixels */
    float contrast;
    size_t tile;            /* side */
    size_t scratch_size;    /* floats per thread */
    float *scratch;         /* [threads, scratch_size] */
    struct sample *columns; /* [image width]: where they read the grid's picture */
};

/* Where a tile lies in the photograph. */
struct rectangle {
    size_t left, top, width, height;
};

/* What becomes of a finished tile: alpha [height, width] of the rectangle, or NULL when all of it is `value`.
 * Called by several threads, for different tiles. */
typedef void tile_function(void *context, const struct rectangle *place, const float *alpha, float value);

clipseg_status upsampler_create(struct upsampler *up, const clipseg_image *image, struct pool *pool,
                                size_t width, size_t height, float contrast, clipseg_error *error);
void upsampler_free(struct upsampler *up);

/* q: [height, width], 0..1 with the border at 1/2 */
void upsampler_apply(const struct upsampler *up, const float *q, tile_function *emit, void *context);

#endif
