/* embedder.c: every core works on a batch of its own, from the files to the embeddings: while one decodes,
 * another multiplies, and nobody waits for anybody. Results are handed on in order, by the caller's thread.
 */
#include "cli/embedder.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/pool.h"
#include "cli/command.h"
#include "cli/inputs.h"
#include "segment/session.h"

#define MOST_WORKERS 16 /* each has a workspace of its own */
#define AHEAD 2         /* batches that may be done for each worker before the first is taken */

/* The results of one batch of consecutive pictures. */
struct batch {
    bool done;
    clipseg_status status;   /* that ends the run */
    float *embeddings;       /* [size of a batch, embedding size], of those that did not fail */
    clipseg_error *failures; /* [size of a batch]; status 0: none */
};

struct run {
    const struct embedder *embedder;
    size_t size, dimension, batches; /* pictures in a batch, floats in an embedding, batches in all */
    size_t workers, ring_size;
    clipseg_session *sessions[MOST_WORKERS];
    pthread_t threads[MOST_WORKERS];
    struct batch *ring; /* [ring_size]: batch i lies at i % ring_size */

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    size_t claimed, taken; /* batches */
    bool stop;
};

struct worker {
    struct run *run;
    clipseg_session *session;
};

static size_t batch_count(const struct run *run, size_t number)
{
    return size_min(run->size, run->embedder->count - number * run->size);
}

/* A picture as the model sees it: small, so that a batch of photographs fits into memory. */
static clipseg_status load(const struct run *run, const clipseg_session *session, size_t index,
                           clipseg_image *prepared, clipseg_error *error)
{
    clipseg_image image = {0};
    clipseg_status status =
        input_load(run->embedder->paths[index], &run->embedder->image_options, &image, error);

    if (!status)
        status = clipseg_session_prepare_image(session, &image, prepared, error);
    clipseg_image_free(&image);
    return status;
}

static void embed_batch(const struct run *run, clipseg_session *session, size_t number, struct batch *batch)
{
    clipseg_image images[VISION_MOST_PICTURES] = {{0}};
    const clipseg_image *good[VISION_MOST_PICTURES];
    size_t count = batch_count(run, number), good_count = 0;

    batch->status = CLIPSEG_OK;
    for (size_t i = 0; i < count && !signals_stop(); i++) {
        clipseg_error *failure = &batch->failures[i];
        failure->status = load(run, session, number * run->size + i, &images[i], failure);
        if (failure->status == CLIPSEG_ERROR_MEMORY)
            batch->status = CLIPSEG_ERROR_MEMORY;
        if (!failure->status)
            good[good_count++] = &images[i];
    }
    if (!batch->status && good_count && !signals_stop())
        batch->status = clipseg_session_embed_images(session, good, good_count, batch->embeddings, NULL);
    for (size_t i = 0; i < count; i++)
        clipseg_image_free(&images[i]);
}

/* The next batch's number, or `batches` when there is none left. */
static size_t claim(struct run *run)
{
    size_t number = run->batches;

    pthread_mutex_lock(&run->mutex);
    while (!run->stop && run->claimed < run->batches && run->claimed >= run->taken + run->ring_size)
        pthread_cond_wait(&run->changed, &run->mutex);
    if (!run->stop && run->claimed < run->batches)
        number = run->claimed++;
    pthread_mutex_unlock(&run->mutex);
    return number;
}

static void *work(void *argument)
{
    struct worker worker = *(struct worker *)argument;
    struct run *run = worker.run;

    free(argument);
    for (size_t number; (number = claim(run)) < run->batches;) {
        struct batch *batch = &run->ring[number % run->ring_size];
        embed_batch(run, worker.session, number, batch);
        pthread_mutex_lock(&run->mutex);
        batch->done = true;
        pthread_cond_broadcast(&run->changed);
        pthread_mutex_unlock(&run->mutex);
    }
    return NULL;
}

/* ---- the caller's side */

static clipseg_status hand_on(const struct run *run, size_t number, const struct batch *batch,
                              clipseg_error *error)
{
    const struct embedder *e = run->embedder;
    const float *embedding = batch->embeddings;
    clipseg_status status = batch->status ? error_memory(error) : CLIPSEG_OK;

    for (size_t i = 0; !status && i < batch_count(run, number) && !signals_stop(); i++) {
        const clipseg_error *failure = &batch->failures[i];
        size_t index = number * run->size + i;
        progress_show(index, e->count, e->paths[index]);
        status = failure->status ? e->take(e->context, index, NULL, failure, error)
                                 : e->take(e->context, index, embedding, NULL, error);
        embedding += failure->status ? 0 : run->dimension;
    }
    return status;
}

static clipseg_status take_all(struct run *run, clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;

    for (size_t number = 0; !status && number < run->batches && !signals_stop(); number++) {
        struct batch *batch = &run->ring[number % run->ring_size];
        pthread_mutex_lock(&run->mutex);
        while (!batch->done)
            pthread_cond_wait(&run->changed, &run->mutex);
        pthread_mutex_unlock(&run->mutex);
        status = hand_on(run, number, batch, error);
        pthread_mutex_lock(&run->mutex);
        batch->done = false;
        run->taken++;
        pthread_cond_broadcast(&run->changed);
        pthread_mutex_unlock(&run->mutex);
    }
    progress_end();
    return status;
}

static clipseg_status start_worker(struct run *run, size_t number, clipseg_error *error)
{
    struct worker *worker = memory_zeroed(1, sizeof *worker);

    if (!worker)
        return error_memory(error);
    *worker = (struct worker){run, run->sessions[number]};
    if (pthread_create(&run->threads[number], NULL, work, worker)) {
        free(worker);
        return error_memory(error);
    }
    return CLIPSEG_OK;
}

/* One session to learn the size of a batch, then as many as there is work for. */
static clipseg_status open_sessions(struct run *run, clipseg_error *error)
{
    size_t threads = run->embedder->threads ? run->embedder->threads : pool_cpu_count(), workers;
    clipseg_session_options options;
    clipseg_status status;

    clipseg_session_options_default(&options);
    options.threads = run->embedder->count == 1 ? threads : 1;
    status = clipseg_session_create(&run->sessions[0], run->embedder->model, &options, error);
    if (status)
        return status;
    run->size =
        size_min(clipseg_session_batch(run->sessions[0]), (run->embedder->count + threads - 1) / threads);
    run->batches = (run->embedder->count + run->size - 1) / run->size;
    workers = size_min(size_min(threads, MOST_WORKERS), run->batches);
    for (run->workers = 1; !status && run->workers < workers; run->workers++)
        status = clipseg_session_create(&run->sessions[run->workers], run->embedder->model, &options, error);
    return status;
}

static clipseg_status make_ring(struct run *run, clipseg_error *error)
{
    run->ring_size = AHEAD * run->workers;
    run->ring = memory_zeroed(run->ring_size, sizeof *run->ring);
    for (size_t i = 0; run->ring && i < run->ring_size; i++) {
        struct batch *batch = &run->ring[i];
        batch->embeddings = memory_aligned(run->size * run->dimension, sizeof *batch->embeddings);
        batch->failures = memory_zeroed(run->size, sizeof *batch->failures);
        if (!batch->embeddings || !batch->failures)
            return error_memory(error);
    }
    return run->ring ? CLIPSEG_OK : error_memory(error);
}

static void clean_up(struct run *run)
{
    for (size_t i = 0; run->ring && i < run->ring_size; i++) {
        free(run->ring[i].embeddings);
        free(run->ring[i].failures);
    }
    free(run->ring);
    for (size_t i = 0; i < MOST_WORKERS; i++)
        clipseg_session_close(&run->sessions[i]);
    pthread_mutex_destroy(&run->mutex);
    pthread_cond_destroy(&run->changed);
}

clipseg_status embedder_run(const struct embedder *embedder, clipseg_error *error)
{
    struct run run = {
        .embedder = embedder, .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    clipseg_model_info info;
    size_t started = 0;
    clipseg_status status;

    if (!embedder->count)
        return CLIPSEG_OK;
    clipseg_model_get_info(embedder->model, &info);
    run.dimension = info.embedding_size;
    status = open_sessions(&run, error);
    if (!status)
        status = make_ring(&run, error);
    while (!status && started < run.workers) {
        status = start_worker(&run, started, error);
        started += !status;
    }
    if (!status)
        status = take_all(&run, error);
    pthread_mutex_lock(&run.mutex);
    run.stop = true;
    pthread_cond_broadcast(&run.changed);
    pthread_mutex_unlock(&run.mutex);
    for (size_t i = 0; i < started; i++)
        pthread_join(run.threads[i], NULL);
    clean_up(&run);
    return status;
}
