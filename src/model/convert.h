/* convert.h: a checkpoint as one packed file. */
#ifndef MODEL_CONVERT_H
#define MODEL_CONVERT_H

#include "checkpoint/checkpoint.h"
#include "clipseg.h"
#include "model/calibration.h"

/* Write configuration, tokenizer and packed weights to `path`, whole or not at all. type: TENSOR_F32 (the
 * same results bit by bit), TENSOR_F16 (the same as a directory whose weights are f16), TENSOR_I16 (the
 * layers of the image tower as words, kernels/int16.h) or TENSOR_I8 (as bytes, kernels/int8.h, calibrated on
 * `pictures`, which the other types do not look at). options: threads and cpu. The checkpoint is used up,
 * whatever comes out. Errors: MODEL, IO, MEMORY, USAGE (unknown cpu), those of loading a picture. */
clipseg_status model_convert(struct checkpoint *checkpoint, const char *path, enum tensor_type type,
                             const struct calibration *pictures, const clipseg_model_options *options,
                             clipseg_error *error);

#endif
