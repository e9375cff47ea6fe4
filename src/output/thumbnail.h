/* thumbnail.h: small versions of pictures and probabilities: every pixel the mean of those it covers. */
#ifndef OUTPUT_THUMBNAIL_H
#define OUTPUT_THUMBNAIL_H

#include "clipseg.h"

/* The shape with a longest side of at most `side`; never larger than the original, at least one pixel. */
void thumbnail_size(size_t width, size_t height, size_t side, size_t *small_width, size_t *small_height);

/* rgb: [height, width, 3] of the small shape, which must not be larger than the picture. */
void thumbnail_rgb(const clipseg_image *image, size_t width, size_t height, uint8_t *rgb);

/* values: [height, width] 0..1; grey: the same 0..255, [small_height, small_width]. */
void thumbnail_grey(const float *values, size_t width, size_t height, size_t small_width, size_t small_height,
                    uint8_t *grey);

#endif
