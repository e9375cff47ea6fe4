/* batch.c: workers that take pictures from one list, and the order in which their results come out. */
#include "cli/batch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/batch_journal.h"
#include "cli/command.h"

#define QUEUE_PER_WORKER 4 /* pictures that may be done before their turn */

enum outcome { NOT_YET, DONE, KNOWN /* from the journal */, SKIPPED, FAILED };

/* A picture between its start and its turn. */
struct slot {
    enum outcome outcome;
    struct buffer *pieces; /* [job->pieces] */
    clipseg_error *error;  /* why it failed */
};

struct batch {
    const struct batch_job *job;
    const struct inputs *inputs;
    size_t count; /* of the inputs; of a stream, once its end is reached, else SIZE_MAX */
    const struct batch_options *options;
    struct batch_journal *journal; /* NULL: none */

    pthread_mutex_t lock;
    pthread_cond_t turn;
    bool fetching;      /* a worker waits for the stream */
    size_t next;        /* the next picture to start */
    size_t head;        /* the first whose turn has not come */
    struct slot *slots; /* [queue]: picture i lies in slot i % queue */
    size_t queue;
    bool finishing; /* a worker hands out results */
    bool stop;
    size_t done, skipped; /* skipped: known ones, too */
    char **failures;      /* [failed] */
    size_t failed, failures_capacity;
    clipseg_error fatal; /* what ended the run; its status is OK if nothing did */
};

struct worker {
    struct batch *batch;
    size_t number;
    pthread_t thread;
};

/* ---- one picture */

static void clear_pieces(const struct batch *b, struct buffer *pieces)
{
    for (size_t i = 0; i < b->job->pieces; i++)
        buffer_free(&pieces[i]);
}

/* From the journal, or worked on and then noted there. */
static clipseg_status get_pieces(struct batch *b, size_t worker, const struct input *input, bool exists,
                                 struct buffer *pieces, bool *known, clipseg_error *error)
{
    uint64_t key = b->journal ? batch_journal_key(b->journal, input) : 0;
    clipseg_status status = CLIPSEG_OK;

    *known = false;
    if (b->journal && exists)
        status = batch_journal_read(b->journal, key, pieces, b->job->pieces, known, error);
    if (status || *known)
        return status;
    clear_pieces(b, pieces);
    status = b->job->work(b->job->context, worker, input, pieces, error);
    for (size_t i = 0; !status && i < b->job->pieces; i++)
        if (pieces[i].failed)
            status = error_memory(error);
    if (!status && b->journal)
        status = batch_journal_add(b->journal, key, pieces, b->job->pieces, error);
    return status;
}

static void set_error(struct slot *slot, const clipseg_error *error)
{
    slot->error = malloc(sizeof *slot->error);
    if (slot->error)
        *slot->error = *error;
}

static enum outcome run_picture(struct batch *b, size_t worker, const struct input *input, struct slot *slot)
{
    bool exists = !b->job->exists || b->job->exists(b->job->context, input);
    clipseg_error error;
    bool known;

    if (b->options->skip_existing && b->job->exists && exists)
        return SKIPPED;
    if (!get_pieces(b, worker, input, exists, slot->pieces, &known, &error))
        return known ? KNOWN : DONE;
    set_error(slot, &error);
    return FAILED;
}

/* ---- results in order; called with the lock, which is given up while the job's `finish` runs */

static void stop_with(struct batch *b, const clipseg_error *error)
{
    b->stop = true;
    if (b->fatal.status)
        return; /* the first one tells */
    if (error)
        b->fatal = *error;
    else
        error_memory(&b->fatal);
}

static void keep_failure(struct batch *b, const clipseg_error *error)
{
    if (b->failed == b->failures_capacity) {
        size_t capacity = b->failures_capacity ? 2 * b->failures_capacity : 16;
        char **failures = realloc(b->failures, capacity * sizeof *failures);
        b->failures = failures ? failures : b->failures;
        b->failures_capacity = failures ? capacity : b->failures_capacity;
    }
    char *reason = b->failed < b->failures_capacity ? memory_string(error->text, strlen(error->text)) : NULL;
    if (reason)
        b->failures[b->failed++] = reason;
    else
        stop_with(b, NULL);
}

static void take_turn(struct batch *b, struct slot *slot, const struct input *input)
{
    if (slot->outcome == FAILED) {
        bool ends = !slot->error || slot->error->status == CLIPSEG_ERROR_MEMORY ||
                    slot->error->status == CLIPSEG_ERROR_USAGE || !b->inputs || !b->inputs->is_batch;
        if (ends)
            stop_with(b, slot->error);
        else
            keep_failure(b, slot->error);
    } else if (b->job->finish && !b->stop && slot->outcome != SKIPPED) {
        clipseg_error error;
        pthread_mutex_unlock(&b->lock);
        clipseg_status status = b->job->finish(b->job->context, input, slot->pieces, &error);
        pthread_mutex_lock(&b->lock);
        if (status)
            stop_with(b, &error);
    }
    b->done += slot->outcome == DONE;
    b->skipped += slot->outcome == KNOWN || slot->outcome == SKIPPED;
    clear_pieces(b, slot->pieces);
    free(slot->error);
    *slot = (struct slot){.pieces = slot->pieces};
}

static const struct input *input_at(const struct batch *b, size_t index)
{
    return b->inputs ? &b->inputs->items[index] : NULL;
}

static void finish_in_order(struct batch *b)
{
    while (!b->finishing && b->slots[b->head % b->queue].outcome != NOT_YET) {
        b->finishing = true;
        const struct input *input = input_at(b, b->head);
        take_turn(b, &b->slots[b->head % b->queue], input);
        b->finishing = false;
        b->head++;
        progress_count(b->skipped, b->failed);
        progress_show(b->head, input ? b->count : 0, input ? input->path : "");
        pthread_cond_broadcast(&b->turn);
    }
}

/* ---- workers */

/* The stream's next picture into the worker's hands; with the lock, which is given up meanwhile. A failure is
 * the last picture's outcome. */
static bool fetch(struct batch *b, size_t worker)
{
    bool end = false;
    clipseg_error error;

    b->fetching = true;
    pthread_mutex_unlock(&b->lock);
    clipseg_status status = b->job->fetch(b->job->context, worker, &end, &error);
    pthread_mutex_lock(&b->lock);
    b->fetching = false;
    pthread_cond_broadcast(&b->turn);
    if (!status && !end)
        return true;
    b->count = b->next;
    if (status) {
        struct slot *slot = &b->slots[b->next++ % b->queue];
        b->count++;
        set_error(slot, &error);
        slot->outcome = FAILED;
        finish_in_order(b);
    }
    return false;
}

/* The number of the next picture; false when there is none, or the run ends. */
static bool claim(struct batch *b, size_t worker, size_t *index)
{
    while (!b->stop && !signals_stop() && b->next < b->count &&
           (b->fetching || b->next - b->head >= b->queue))
        pthread_cond_wait(&b->turn, &b->lock);
    if (b->stop || signals_stop() || b->next >= b->count || (b->job->fetch && !fetch(b, worker)))
        return false;
    *index = b->next++;
    return true;
}

static void *run_worker(void *argument)
{
    struct worker *worker = argument;
    struct batch *b = worker->batch;
    size_t index;

    pthread_mutex_lock(&b->lock);
    while (claim(b, worker->number, &index)) {
        struct slot *slot = &b->slots[index % b->queue];
        pthread_mutex_unlock(&b->lock);
        enum outcome outcome = run_picture(b, worker->number, input_at(b, index), slot);
        pthread_mutex_lock(&b->lock);
        slot->outcome = outcome;
        finish_in_order(b);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* The calling thread is worker 0; when no further thread can be had, fewer do the work. */
static void run_workers(struct batch *b, struct worker *workers, size_t count)
{
    size_t started = 1;

    for (size_t i = 0; i < count; i++)
        workers[i] = (struct worker){.batch = b, .number = i};
    while (started < count &&
           pthread_create(&workers[started].thread, NULL, run_worker, &workers[started]) == 0)
        started++;
    run_worker(&workers[0]);
    for (size_t i = 1; i < started; i++)
        pthread_join(workers[i].thread, NULL);
}

/* ---- the run */

static bool is_complete(const struct batch *b)
{
    return !b->stop && b->head == b->count;
}

/* A part of something that is put together by another run. */
static bool is_part(const struct batch *b)
{
    return b->options->shard.count && b->job->assemble;
}

static clipseg_status begin(struct batch *b, struct worker **workers, clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;

    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->turn, NULL);
    b->queue = QUEUE_PER_WORKER * b->options->workers;
    b->slots = memory_zeroed(b->queue, sizeof *b->slots);
    *workers = memory_zeroed(b->options->workers, sizeof **workers);
    if (!b->slots || !*workers)
        return error_memory(error);
    for (size_t i = 0; i < b->queue; i++) {
        b->slots[i].pieces = memory_zeroed(b->job->pieces, sizeof *b->slots[i].pieces);
        if (!b->slots[i].pieces)
            return error_memory(error);
    }
    if (b->options->folder)
        status = batch_journal_open(&b->journal, b->options, b->inputs, b->job->assemble != NULL, error);
    return status;
}

static void end(struct batch *b, struct worker *workers)
{
    batch_journal_close(&b->journal, !is_complete(b) || is_part(b));
    for (size_t i = 0; b->slots && i < b->queue; i++)
        free(b->slots[i].pieces);
    free(b->slots);
    free(workers);
    for (size_t i = 0; i < b->failed; i++)
        free(b->failures[i]);
    free(b->failures);
    pthread_mutex_destroy(&b->lock);
    pthread_cond_destroy(&b->turn);
}

/* What there is to say at the end, and the exit code. */
static int report(const struct batch *b)
{
    int code = signals_stop();

    for (size_t i = 0; i < b->failed; i++)
        note(false, "%s", b->failures[i]);
    if (b->fatal.status)
        return fail(&b->fatal);
    if (code && b->head < b->count) {
        if (b->inputs)
            note(b->options->quiet, "stopped after %zu of %zu pictures%s", b->head, b->count,
                 b->journal ? "; the same command continues" : "");
        return code;
    }
    if (b->inputs && b->inputs->is_batch)
        progress_summary(b->options->quiet, b->done, b->failed, b->skipped);
    if (is_part(b) && b->journal)
        note(b->options->quiet,
             "part %zu of %zu is done; when all are, the same command without --shard "
             "puts them together",
             b->options->shard.number, b->options->shard.count);
    return b->failed ? CLIPSEG_ERROR_PARTIAL : code;
}

int batch_run(const struct batch_job *job, const struct inputs *inputs, const struct batch_options *options)
{
    struct batch b = {
        .job = job, .inputs = inputs, .options = options, .count = inputs ? inputs->count : SIZE_MAX};
    struct worker *workers = NULL;
    clipseg_error error;

    progress_enable(!options->quiet && b.count > 1);
    if (begin(&b, &workers, &error)) {
        stop_with(&b, &error);
    } else {
        run_workers(&b, workers, options->workers);
        if (job->assemble && is_complete(&b) && !is_part(&b) && job->assemble(job->context, &error))
            stop_with(&b, &error);
    }
    progress_end();
    int code = report(&b);
    end(&b, workers);
    return code;
}
