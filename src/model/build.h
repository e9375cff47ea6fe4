/* build.h: from an opened checkpoint to a model. */
#ifndef MODEL_BUILD_H
#define MODEL_BUILD_H

#include "model/model.h"

struct pieces;

/* Read configuration, tokenizer and weights of model->checkpoint. pieces: as in weights_load. On failure the
 * model is to be closed all the same. Errors: USAGE (cpu), MODEL, MEMORY. */
clipseg_status model_build(clipseg_model *model, const clipseg_model_options *options, struct pieces *pieces,
                           clipseg_error *error);

#endif
