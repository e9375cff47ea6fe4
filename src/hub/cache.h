/* cache.h: the Hugging Face cache, as the Hub's own client lays it out:
 *
 *     models--ORG--NAME/blobs/ETAG                    contents
 *                      /snapshots/COMMIT/FILE         relative links into blobs
 *                      /refs/REVISION                 a commit: 40 hex digits, no newline
 *     .locks/models--ORG--NAME/ETAG.lock
 */
#ifndef HUB_CACHE_H
#define HUB_CACHE_H

#include <stdbool.h>

#include "clipseg.h"

struct hub_id {
    char repository[256]; /* ORG/NAME */
    char revision[256];   /* a branch, a tag or a commit; "main" when none was given */
};

/* ORG/NAME or ORG/NAME@REVISION of the characters that the hub allows. */
bool hub_id_parse(struct hub_id *id, const char *text);

/* 40 hexadecimal digits. */
bool is_commit(const char *revision);

/* $HF_HUB_CACHE, else $HUGGINGFACE_HUB_CACHE, else $HF_HOME/hub, else
 * ${XDG_CACHE_HOME:-~/.cache}/huggingface/hub. false: too long. */
bool cache_folder(char *out, size_t size);

/* $HF_HOME or its default. */
bool cache_home(char *out, size_t size);

/* The folder of a repository: the cache's, then models--ORG--NAME. */
bool cache_repository(const char *repository, char *out, size_t size);

/* The commit that a revision means here. out: [41] */
bool cache_commit(const struct hub_id *id, char *out);

/* The snapshot's folder of a model that was downloaded. */
bool cache_find(const struct hub_id *id, char *out, size_t size);

/* $HF_HUB_OFFLINE or $TRANSFORMERS_OFFLINE. */
bool cache_offline(void);

/* ---- what is there */

struct cached_model {
    char *repository; /* ORG/NAME */
    char *revision;   /* a name of it, or the commit */
    char *kind;       /* config.json's model_type, "" when it has none */
    char commit[41];
    size_t bytes;  /* of its files */
    bool complete; /* configuration and weights are there */
};

struct cached_models {
    struct cached_model *items; /* [count], sorted by name */
    size_t count, capacity;
};

/* All models in the cache, a row for each revision. No cache is no error. Errors: MEMORY. */
clipseg_status cache_list(struct cached_models *models, clipseg_error *error);
void cached_models_free(struct cached_models *models);

#endif
