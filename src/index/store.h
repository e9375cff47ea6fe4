/* store.h: an index that is being changed: the database and the vectors beside it, in step whenever the
 * process dies.
 *
 * The database decides. A vector is written into a slot that the database does not name, then the rows of a
 * batch are committed; a row is deleted and committed, then its slot is cleared. So a row always has its
 * vector, and what a killed process leaves in other slots is cleared when the index is opened the next time.
 */
#ifndef INDEX_STORE_H
#define INDEX_STORE_H

#include "index/database.h"
#include "index/vectors.h"

/* A picture that the index held when it was opened. */
struct stored {
    char *path;
    uint64_t id, slot;
    int64_t size, modified;
    bool seen; /* the caller's: it is still there */
    bool lost; /* its vector is not: to be computed again */
};

struct store {
    struct database *database;
    struct vectors_writer vectors;
    struct stored *records; /* [count], ordered by path */
    size_t count, capacity;
    uint32_t *used; /* bits: slots that rows name or named in this run */
    size_t used_words;
    uint64_t next_free; /* no free slot below */
    uint64_t *to_clear; /* slots whose rows are deleted but not yet committed */
    size_t clear_count, clear_capacity;
    size_t pending; /* changes since the last commit */
    bool changing;  /* a transaction is open */
    double since;   /* when it began */
};

/* The vector file of a database: PATH.vectors, to be freed; NULL when memory is out. */
char *store_vectors_path(const char *path);

/* Open or make an index. The caller compares database_facts(store->database) with its own. Errors: IO (also:
 * another clipseg is writing it), MEMORY. */
clipseg_status store_open(struct store *store, const char *path, const struct database_facts *facts,
                          clipseg_error *error);

/* The record of a path, or NULL. */
struct stored *store_find(const struct store *store, const char *path);

/* Add a picture, in place of `old` when that is not NULL. vector: [dimension], of length 1. Commits now and
 * then. Errors: IO, MEMORY. */
clipseg_status store_put(struct store *store, const struct stored *old, const char *path, int64_t size,
                         int64_t modified, const float *vector, clipseg_error *error);
clipseg_status store_forget(struct store *store, const struct stored *old, clipseg_error *error);

/* Commit what was put and forgotten. */
clipseg_status store_commit(struct store *store, clipseg_error *error);

void store_close(struct store *store);

#endif
