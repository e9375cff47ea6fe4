/* pull.h: a model from the Hugging Face hub into the cache. */
#ifndef HUB_PULL_H
#define HUB_PULL_H

#include "hub/hub.h"

struct pulled {
    char path[4352]; /* the snapshot's folder */
    char commit[41];
    size_t files, bytes;         /* of the model */
    size_t new_files, new_bytes; /* of those, transferred now */
};

/* Bring everything that a CLIPSeg or CLIP model consists of, and nothing else. The revision's name points to
 * the new commit only when all of it is there. Offline, and with all in the cache, this is no error. Errors:
 * NETWORK, MODEL (no files of a model in it), IO, MEMORY, INTERRUPTED. */
clipseg_status hub_pull(struct pulled *pulled, const struct hub_id *id, const struct client_options *options,
                        const struct hub_listener *listener, clipseg_error *error);

#endif
