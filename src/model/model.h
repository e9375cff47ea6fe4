/* model.h: what an open model consists of. Immutable after opening. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "checkpoint/checkpoint.h"
#include "model/config.h"
#include "model/weights.h"
#include "text/tokenizer.h"

struct clipseg_model {
    struct checkpoint checkpoint;
    struct config config;
    struct preprocess preprocess;
    struct tokenizer *tokenizer;
    struct kernels kernels;
    struct weights weights;
};

#endif
