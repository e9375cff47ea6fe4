/* prompt_cache.c: a chained hash table from texts to embeddings. */
#include "segment/prompt_cache.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct prompt_entry {
    struct prompt_entry *next;
    char *text;
    float embedding[];
};

/* FNV-1a */
static size_t slot_of(const char *text)
{
    uint64_t hash = 14695981039346656037u;

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    return (size_t)(hash ^ hash >> 32) & (PROMPT_CACHE_SLOTS - 1);
}

const float *prompt_cache_find(const struct prompt_cache *cache, const char *text)
{
    for (const struct prompt_entry *entry = cache->slots[slot_of(text)]; entry; entry = entry->next)
        if (!strcmp(entry->text, text))
            return entry->embedding;
    return NULL;
}

void prompt_cache_add(struct prompt_cache *cache, const char *text, const float *embedding)
{
    size_t slot = slot_of(text), bytes = cache->size * sizeof *embedding;
    struct prompt_entry *entry;

    if (cache->count == PROMPT_CACHE_LIMIT || !(entry = malloc(sizeof *entry + bytes)))
        return;
    if (!(entry->text = strdup(text))) {
        free(entry);
        return;
    }
    memcpy(entry->embedding, embedding, bytes);
    entry->next = cache->slots[slot];
    cache->slots[slot] = entry;
    cache->count++;
}

void prompt_cache_free(struct prompt_cache *cache)
{
    for (size_t i = 0; i < PROMPT_CACHE_SLOTS; i++)
        while (cache->slots[i]) {
            struct prompt_entry *entry = cache->slots[i];
            cache->slots[i] = entry->next;
            free(entry->text);
            free(entry);
        }
    cache->count = 0;
}
