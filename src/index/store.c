/* store.c: changes to an index in an order that survives being killed. */
#include "index/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

#define CHANGES_AT_ONCE 1024 /* then commit, */
#define SECONDS_AT_ONCE 2.0  /* or after this time */

char *store_vectors_path(const char *path)
{
    size_t size = strlen(path) + sizeof ".vectors";
    char *name = malloc(size);

    if (name)
        snprintf(name, size, "%s.vectors", path);
    return name;
}

/* Room for one more of `size` bytes in a list that doubles; false when memory is out. */
static bool has_room(void **list, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return true;
    size_t larger = *capacity ? 2 * *capacity : 64;
    void *grown = realloc(*list, larger * size);
    if (!grown)
        return false;
    *list = grown;
    *capacity = larger;
    return true;
}

/* ---- which slots are taken */

static bool is_used(const struct store *store, uint64_t slot)
{
    return slot / 32 < store->used_words && store->used[slot / 32] >> slot % 32 & 1;
}

static clipseg_status set_used(struct store *store, uint64_t slot, clipseg_error *error)
{
    if (slot / 32 >= store->used_words) {
        size_t words = 2 * (size_t)(slot / 32 + 1);
        uint32_t *used = realloc(store->used, words * sizeof *used);
        if (!used)
            return error_memory(error);
        memset(used + store->used_words, 0, (words - store->used_words) * sizeof *used);
        store->used = used;
        store->used_words = words;
    }
    store->used[slot / 32] |= (uint32_t)1 << slot % 32;
    return CLIPSEG_OK;
}

/* ---- opening */

static clipseg_status add_record(void *context, const struct record *record, clipseg_error *error)
{
    struct store *store = context;
    void *records = store->records;

    if (record->slot > UINT32_MAX)
        return error_set(error, CLIPSEG_ERROR_IO, "the index is damaged: a picture in slot %llu",
                         (unsigned long long)record->slot);
    if (!has_room(&records, store->count, &store->capacity, sizeof *store->records))
        return error_memory(error);
    store->records = records;
    struct stored stored = {.path = memory_string(record->path, strlen(record->path)),
                            .id = record->id,
                            .slot = record->slot,
                            .size = record->size,
                            .modified = record->modified,
                            .lost = true};
    if (!stored.path)
        return error_memory(error);
    store->records[store->count++] = stored;
    return set_used(store, record->slot, error);
}

/* The rows' vectors are there if their slots say so; slots that no row names are cleared. */
static clipseg_status compare(struct store *store, const struct vectors *vectors, clipseg_error *error)
{
    size_t slots = vectors->blocks * VECTORS_BLOCK;
    bool *right = memory_zeroed(slots, 1);
    clipseg_status status = right ? CLIPSEG_OK : error_memory(error);

    for (size_t i = 0; !status && i < store->count; i++) {
        struct stored *r = &store->records[i];
        r->lost = r->slot >= slots ||
                  vectors_slots(vectors, r->slot / VECTORS_BLOCK)[r->slot % VECTORS_BLOCK].id != r->id;
        if (!r->lost)
            right[r->slot] = true;
    }
    for (size_t i = 0; !status && i < slots; i++)
        if (!right[i] && vectors_slots(vectors, i / VECTORS_BLOCK)[i % VECTORS_BLOCK].id)
            status = vectors_clear(&store->vectors, i, error);
    free(right);
    return status;
}

static clipseg_status read_all(struct store *store, const char *path, clipseg_error *error)
{
    struct vectors vectors = {0};
    clipseg_status status = database_list(store->database, add_record, store, error);

    if (status || (status = vectors_open(&vectors, path, error)) != CLIPSEG_OK)
        return status;
    status = compare(store, &vectors, error);
    vectors_close(&vectors);
    return status;
}

clipseg_status store_open(struct store *store, const char *path, const struct database_facts *facts,
                          clipseg_error *error)
{
    char *vectors = store_vectors_path(path);
    clipseg_status status = vectors ? CLIPSEG_OK : error_memory(error);

    *store = (struct store){.vectors = {.descriptor = -1}};
    if (!status)
        status = database_write_open(&store->database, path, facts, error);
    if (!status) {
        const struct database_facts *own = database_facts(store->database);
        status = vectors_write_open(&store->vectors, vectors, own->dimension, own->identity, error);
    }
    if (!status)
        status = read_all(store, vectors, error);
    free(vectors);
    if (status)
        store_close(store);
    return status;
}

static int by_path(const void *key, const void *record)
{
    return strcmp(key, ((const struct stored *)record)->path);
}

struct stored *store_find(const struct store *store, const char *path)
{
    return store->count ? bsearch(path, store->records, store->count, sizeof *store->records, by_path) : NULL;
}

void store_close(struct store *store)
{
    database_close(&store->database);
    vectors_write_close(&store->vectors);
    for (size_t i = 0; i < store->count; i++)
        free(store->records[i].path);
    free(store->records);
    free(store->used);
    free(store->to_clear);
    *store = (struct store){.vectors = {.descriptor = -1}};
}

/* ---- changing */

static clipseg_status begin(struct store *store, clipseg_error *error)
{
    if (store->changing)
        return CLIPSEG_OK;
    clipseg_status status = database_begin(store->database, error);
    store->changing = !status;
    store->since = seconds_now();
    return status;
}

clipseg_status store_commit(struct store *store, clipseg_error *error)
{
    clipseg_status status;

    if (!store->changing)
        return CLIPSEG_OK;
    if ((status = vectors_sync(&store->vectors, error)) != CLIPSEG_OK ||
        (status = database_commit(store->database, error)) != CLIPSEG_OK)
        return status;
    store->changing = false;
    store->pending = 0;
    for (size_t i = 0; !status && i < store->clear_count; i++)
        status = vectors_clear(&store->vectors, store->to_clear[i], error);
    store->clear_count = 0;
    return status;
}

static clipseg_status count_change(struct store *store, clipseg_error *error)
{
    if (++store->pending < CHANGES_AT_ONCE && seconds_now() - store->since < SECONDS_AT_ONCE)
        return CLIPSEG_OK;
    return store_commit(store, error);
}

static clipseg_status remove_row(struct store *store, const struct stored *old, clipseg_error *error)
{
    void *list = store->to_clear;

    if (!has_room(&list, store->clear_count, &store->clear_capacity, sizeof *store->to_clear))
        return error_memory(error);
    store->to_clear = list;
    store->to_clear[store->clear_count++] = old->slot;
    return database_delete(store->database, old->id, error);
}

clipseg_status store_forget(struct store *store, const struct stored *old, clipseg_error *error)
{
    clipseg_status status = begin(store, error);

    if (!status)
        status = remove_row(store, old, error);
    return status ? status : count_change(store, error);
}

clipseg_status store_put(struct store *store, const struct stored *old, const char *path, int64_t size,
                         int64_t modified, const float *vector, clipseg_error *error)
{
    struct record record = {.path = path, .size = size, .modified = modified};
    clipseg_status status = begin(store, error);

    while (is_used(store, store->next_free))
        store->next_free++;
    record.slot = store->next_free;
    if (!status && old)
        status = remove_row(store, old, error);
    if (!status)
        status = database_insert(store->database, &record, error);
    if (!status)
        status = vectors_write(&store->vectors, record.slot, record.id, vector, error);
    if (!status)
        status = set_used(store, record.slot, error);
    return status ? status : count_change(store, error);
}
