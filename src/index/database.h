/* database.h: which pictures an index holds (SQLite). One file of ours deals with SQLite: database.c. */
#ifndef INDEX_DATABASE_H
#define INDEX_DATABASE_H

#include <stdbool.h>
#include <stdint.h>

#include "clipseg.h"

struct database;

/* A picture of the index. */
struct record {
    uint64_t id;            /* never used twice */
    const char *path;       /* absolute */
    int64_t size, modified; /* bytes, nanoseconds since 1970: what says that the file has changed */
    uint64_t slot;          /* where its vector lies */
};

/* What the whole index is about. Texts and blobs live until the database is closed. */
struct database_facts {
    uint64_t identity; /* the vector file carries the same */
    const char *model; /* as -m names it from any folder */
    size_t dimension;
    const float *text, *picture; /* [dimension]: what the model made of a known phrase and picture */
};

/* Open for reading. Errors: IO (missing, no index, damaged), MEMORY. */
clipseg_status database_open(struct database **database, const char *path, clipseg_error *error);

/* Open for changes, made when missing with these facts. Errors: as above. */
clipseg_status database_write_open(struct database **database, const char *path,
                                   const struct database_facts *facts, clipseg_error *error);

void database_close(struct database **database);

const struct database_facts *database_facts(const struct database *database);

/* Changes count from commit on, all or none, whatever happens in between. */
clipseg_status database_begin(struct database *database, clipseg_error *error);
clipseg_status database_commit(struct database *database, clipseg_error *error);

/* record->id is set. Errors: IO. */
clipseg_status database_insert(struct database *database, struct record *record, clipseg_error *error);
clipseg_status database_delete(struct database *database, uint64_t id, clipseg_error *error);

/* Every record, ordered by path (bytewise); what it points to lives until `each` returns. */
typedef clipseg_status database_each(void *context, const struct record *record, clipseg_error *error);
clipseg_status database_list(struct database *database, database_each *each, void *context,
                             clipseg_error *error);

/* The record with this id and slot. path: the caller's, to be freed; NULL when there is none. */
clipseg_status database_find(struct database *database, uint64_t id, uint64_t slot, char **path,
                             clipseg_error *error);

clipseg_status database_count(struct database *database, uint64_t *count, clipseg_error *error);

/* One more than the highest slot of any record; 0 when there is none. */
clipseg_status database_slots(struct database *database, uint64_t *slots, clipseg_error *error);

#endif
