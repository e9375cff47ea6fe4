/* reduce.h: the photograph at the size that the solver works with. */
#ifndef SEGMENT_REFINE_REDUCE_H
#define SEGMENT_REFINE_REDUCE_H

#include "base/pool.h"
#include "clipseg.h"

/* Area averages: every output pixel is the mean of the input that it covers, parts of pixels by their part.
 * to_width, to_height: 1 .. the image's. rgb: [to_height, to_width, 3]. Errors: MEMORY. */
clipseg_status reduce_picture(const clipseg_image *image, struct pool *pool, size_t to_width,
                              size_t to_height, uint8_t *rgb, clipseg_error *error);

#endif
