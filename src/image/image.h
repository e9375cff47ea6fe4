/* image.h: pictures from bytes to upright RGB, and resizing as Pillow does it. Public side:
 * clipseg_image_load*. */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include "clipseg.h"

#include <stdbool.h>

/* Does this look like the beginning of a picture that clipseg_image_load_memory reads? 64 bytes are enough.
 */
bool image_recognised(const unsigned char *data, size_t size);

enum image_filter { IMAGE_BILINEAR = 2, IMAGE_BICUBIC = 3 }; /* Pillow's numbers for `resample` */

/* Resize interleaved 8-bit RGB, bit-equal to Pillow's Image.resize((to_width, to_height), filter):
 * fixed-point convolution, horizontal pass first, antialiased when shrinking. from: [from_height, from_width,
 * 3], to: [to_height, to_width, 3]. Allocates its own scratch. Errors: MEMORY. */
clipseg_status image_resize(const uint8_t *from, size_t from_width, size_t from_height, uint8_t *to,
                            size_t to_width, size_t to_height, enum image_filter filter,
                            clipseg_error *error);

#endif
