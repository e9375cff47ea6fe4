/* index_model.h: which model an index belongs to.
 *
 * What matters is not a file but the vectors: a packed copy of a model, or a CLIPSeg checkpoint over the same
 * CLIP, understand each other's. So an index keeps what its model made of a known phrase and a known picture,
 * and another model fits when it makes nearly the same of them. */
#ifndef CLI_SEARCH_INDEX_MODEL_H
#define CLI_SEARCH_INDEX_MODEL_H

#include "cli/command.h"
#include "index/database.h"

struct index_model {
    char *name; /* for -m, valid in any folder */
    size_t dimension;
    float *text, *picture; /* [dimension], of length 1 */
};

/* pictures: measure its answer to the picture, too. Errors: MEMORY, and those of embedding. */
clipseg_status index_model_measure(struct index_model *measured, const clipseg_model *model,
                                   const struct model_choice *choice, bool pictures, clipseg_error *error);

/* Is the index (at `path`) of a model that understands this one? pictures: also its pictures, as when more
 * are added. Errors: USAGE. */
clipseg_status index_model_check(const struct index_model *measured, const struct database_facts *facts,
                                 bool pictures, const char *path, clipseg_error *error);

void index_model_free(struct index_model *measured);

#endif
