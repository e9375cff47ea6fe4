/* smooth.h: evens out what the layers of the image tower read, before they become bytes. */
#ifndef MODEL_SMOOTH_H
#define MODEL_SMOOTH_H

#include "model/calibration.h"
#include "model/model.h"

/* Activations are quantised per token, and a few channels that are far larger than the others would leave
 * them two or three bits. Run the tower on the pictures, note how large every channel becomes, and
 * move a factor per channel from the activations into the weights (Xiao et al., "SmoothQuant", arXiv
 * 2211.10438, with alpha = 1/2): the products stay what they are. Changes the weights of `model`, which must
 * be packed float32 of its own. threads: 0 for all cores. Errors: MEMORY, those of loading a picture. */
clipseg_status smooth_vision(clipseg_model *model, const struct calibration *pictures, size_t threads,
                             clipseg_error *error);

#endif
