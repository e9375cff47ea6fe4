/* batch_journal.h: which journal a run has, and which of its records belongs to which picture. */
#ifndef CLI_BATCH_JOURNAL_H
#define CLI_BATCH_JOURNAL_H

#include "cli/batch.h"

struct batch_journal;

/* In options->folder. numbered: a record also depends on the picture's number among the inputs. Says so when
 * an interrupted run is continued. Errors: IO, MEMORY. */
clipseg_status batch_journal_open(struct batch_journal **journal, const struct batch_options *options,
                                  const struct inputs *inputs, bool numbered, clipseg_error *error);

/* Of the picture's place below the folder, its size and the time of its last change. */
uint64_t batch_journal_key(const struct batch_journal *journal, const struct input *input);

/* As journal_add and journal_read. */
clipseg_status batch_journal_add(struct batch_journal *journal, uint64_t key, const struct buffer *pieces,
                                 size_t count, clipseg_error *error);
clipseg_status batch_journal_read(struct batch_journal *journal, uint64_t key, struct buffer *pieces,
                                  size_t count, bool *found, clipseg_error *error);

/* keep: for a run that continues. */
void batch_journal_close(struct batch_journal **journal, bool keep);

#endif
