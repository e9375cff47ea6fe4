/* journal.h: a file that remembers what is done: keyed records that are only ever appended.
 *
 * After kill -9 at any moment every record that was added is there, or its torn rest at the end is cut off.
 * After a power failure those are there whose files had reached the disk as well (see journal_add): a record
 * never promises a file that is lost. */
#ifndef BASE_JOURNAL_H
#define BASE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "clipseg.h"

struct journal;

/* Open or make the journal at `path` and lock it. Errors: IO (also: another process holds it), MEMORY. */
clipseg_status journal_open(struct journal **journal, const char *path, clipseg_error *error);

/* Add a record: `count` pieces of bytes under a key; a later record of the same key counts. From time to time
 * this waits until everything written to the file system so far is on the disk, and notes that it is. Errors:
 * IO, MEMORY. Threads may share the journal. */
clipseg_status journal_add(struct journal *journal, uint64_t key, const struct buffer *pieces, size_t count,
                           clipseg_error *error);

/* The number of keys. */
size_t journal_count(struct journal *journal);
bool journal_has(struct journal *journal, uint64_t key);

/* Append the record's pieces to `pieces`, [count]; found: false when there is none, or one with another
 * number of pieces. Errors: IO, MEMORY. */
clipseg_status journal_read(struct journal *journal, uint64_t key, struct buffer *pieces, size_t count,
                            bool *found, clipseg_error *error);

/* Copy all records of another journal. Errors: IO, MEMORY. */
clipseg_status journal_merge(struct journal *journal, struct journal *other, clipseg_error *error);

/* Close it and clear the pointer; keep: the file stays, and is on the disk, for a run that continues;
 * otherwise it is removed. An empty one is never kept. */
void journal_close(struct journal **journal, bool keep);

#endif
