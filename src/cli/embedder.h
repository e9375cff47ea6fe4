/* embedder.h: the image embeddings of any number of pictures, in order, as fast as the machine can. */
#ifndef CLI_EMBEDDER_H
#define CLI_EMBEDDER_H

#include <stdbool.h>

#include "clipseg.h"

/* Called in the order of the paths on the thread that called embedder_run. embedding: [embedding size], not
 * normalised; NULL when the picture failed, and then `failure` says why. An error ends the run. */
typedef clipseg_status embedder_take(void *context, size_t index, const float *embedding,
                                     const clipseg_error *failure, clipseg_error *error);

struct embedder {
    const clipseg_model *model;
    const char *const *paths; /* [count]; "-" is stdin */
    size_t count;
    size_t threads; /* 0: the cores we may use */
    clipseg_image_options image_options;
    embedder_take *take;
    void *context;
};

/* Pictures that cannot be read are handed on as failures. Stops early when the user asks for it
 * (signals_stop). Errors: MEMORY, and what `take` says. */
clipseg_status embedder_run(const struct embedder *embedder, clipseg_error *error);

#endif
