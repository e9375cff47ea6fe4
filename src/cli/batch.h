/* batch.h: one job over any number of pictures.
 *
 * Several pictures are worked on at the same time, each on a thread of its own from the file to its results:
 * while one is decoded, another is computed and a third is written, and nobody waits for anybody. What must
 * happen in order (lines on stdout, rows of one file) happens in the order of the inputs. Memory holds only
 * the pictures that are worked on and a short queue of those that finished too early.
 *
 * A journal in the output folder remembers which pictures are done, so that the same command continues after
 * an interruption of any kind; the results are the same bytes as those of a run without one.
 *
 *     struct batch_job job = {.context = &me, .pieces = 1, .work = my_picture, .finish = my_line};
 *     struct batch_options options = {.workers = plan.workers, .quiet = quiet};
 *     return batch_run(&job, &inputs, &options);
 */
#ifndef CLI_BATCH_H
#define CLI_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "cli/inputs.h"

struct batch_job {
    void *context;

    /* What a picture leaves besides its own files: so many pieces of bytes. `finish` gets them back, also
     * those of pictures that an interrupted run had done: the journal keeps them. */
    size_t pieces;

    /* One picture, from its file to its results; input: NULL with `fetch`. Called on several threads at the
     * same time; `worker` (0..workers-1) tells them apart, for sessions and buffers. pieces: [pieces], empty,
     * to be filled. An error is the picture's own and does not stop the others, except MEMORY and USAGE. */
    clipseg_status (*work)(void *context, size_t worker, const struct input *input, struct buffer *pieces,
                           clipseg_error *error);

    /* For pictures that come one after the other from a stream, without inputs: get the next one ready for
     * this worker's `work`, or set *end. One call at a time, in order. NULL: the inputs are worked on. */
    clipseg_status (*fetch)(void *context, size_t worker, bool *end, clipseg_error *error);

    /* In the order of the inputs, one call at a time, for every picture that is done and was not skipped. An
     * error ends the run. NULL: nothing to do. */
    clipseg_status (*finish)(void *context, const struct input *input, const struct buffer *pieces,
                             clipseg_error *error);

    /* Do all files that `work` writes for this picture exist? Called on several threads. NULL: it writes
     * none. */
    bool (*exists)(void *context, const struct input *input);

    /* Once, when all pictures have had their turn: write what speaks of all of them. Not for a part of the
     * work (shard), whose journal stays: the last run, of the whole, takes over the journals of the parts.
     * NULL: nothing. */
    clipseg_status (*assemble)(void *context, clipseg_error *error);
};

struct batch_options {
    size_t workers;     /* pictures at the same time, at least 1 */
    const char *folder; /* where the journal lies; NULL: no journal, an interrupted run begins anew */
    uint64_t key;       /* whatever the results depend on besides the pictures: options, prompts, model */
    struct shard shard; /* this run's part of the work; what it is about is in the inputs already */
    bool skip_existing; /* pictures for which `exists` says true are not worked on */
    bool quiet;         /* no progress bar, no notes, no summary */
};

/* Work on all inputs (NULL with `fetch`). Shows a progress bar, and at the end the failed pictures with their
 * reasons and, where there are several, how many are done and how fast. Returns the exit code: 0; 8 when some
 * pictures failed (a single named file gives its own code); 130 or 143 when interrupted; that of the error
 * that ended the run. */
int batch_run(const struct batch_job *job, const struct inputs *inputs, const struct batch_options *options);

/* ---- batch_sessions.c: how the cores are used */

/* Many pictures: a session of one thread for each core (up to 16, as memory is needed for each), because the
 * decoding and compressing of pictures, too, then runs on all cores. Few pictures: fewer sessions with more
 * threads each. */
struct batch_plan {
    size_t workers, threads; /* sessions, and threads in each */
};

/* threads: -t, 0 for the cores we may use. jobs: --jobs, 0 for as many as good. */
struct batch_plan batch_plan(size_t threads, size_t jobs, size_t pictures);

/* sessions: [plan->workers], closed with batch_close_sessions. options->threads is not looked at. Errors: as
 * clipseg_session_create. */
clipseg_status batch_open_sessions(clipseg_session ***sessions, const struct batch_plan *plan,
                                   const clipseg_model *model, const clipseg_session_options *options,
                                   clipseg_error *error);
void batch_close_sessions(clipseg_session ***sessions, const struct batch_plan *plan);

#endif
