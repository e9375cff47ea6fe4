/* prompt_cache.h: embeddings of texts that a session has seen, by their text. */
#ifndef SEGMENT_PROMPT_CACHE_H
#define SEGMENT_PROMPT_CACHE_H

#include <stdbool.h>
#include <stddef.h>

#define PROMPT_CACHE_SLOTS 4096  /* a power of two */
#define PROMPT_CACHE_LIMIT 16384 /* texts kept; later ones are computed each time */

struct prompt_entry;

struct prompt_cache {
    struct prompt_entry *slots[PROMPT_CACHE_SLOTS]; /* chains by hash */
    size_t count;
    size_t size; /* floats of an embedding */
};

/* The stored embedding, or NULL. */
const float *prompt_cache_find(const struct prompt_cache *cache, const char *text);

/* Keep a copy. When the cache is full or memory is out nothing is kept: the cache is only a shortcut. */
void prompt_cache_add(struct prompt_cache *cache, const char *text, const float *embedding);

void prompt_cache_free(struct prompt_cache *cache);

#endif
