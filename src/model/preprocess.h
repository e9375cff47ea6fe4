/* preprocess.h: from a picture to the vision tower's input, as the checkpoint's image processor does it. */
#ifndef MODEL_PREPROCESS_H
#define MODEL_PREPROCESS_H

#include "clipseg.h"
#include "model/config.h"
#include "nn/nn.h"

/* The first half, the square of 8-bit pixels that the model sees: rgb [side, side, 3]. Doing it again changes
 * nothing. Errors: MEMORY. */
clipseg_status preprocess_resize(const struct preprocess *preprocess, const clipseg_image *image, size_t side,
                                 uint8_t *rgb, clipseg_error *error);

/* pixels: [3, side, side]. With a plain size the picture is stretched to the square; with shortest_edge
 * (CLIP) the shorter side is scaled and the centre cut out. Sizes other than the configured one scale all of
 * it. Allocates scratch for the resized picture. Errors: MEMORY. */
clipseg_status preprocess_apply(const struct preprocess *preprocess, const struct kernels *kernels,
                                const clipseg_image *image, size_t side, float *pixels, clipseg_error *error);

/* Rescale and normalise as one multiplication and one addition per colour. */
void preprocess_scaling(const struct preprocess *preprocess, float scale[3], float offset[3]);

#endif
