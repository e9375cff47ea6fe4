/* prelabel_segments.c: labels for a data set on Segments.ai. Several workers, each with a connection of its
 * own, take samples from one list: while one uses the model, others fetch pictures or send labels. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/pool.h"
#include "cli/prelabel.h"
#include "output/output.h"

enum outcome { NOT_YET, DONE, LEFT_ALONE, FAILED };

struct run {
    struct prelabel *p;
    struct segments service; /* for what is asked before the workers start */
    struct segments_dataset dataset;
    struct segments_samples samples;
    size_t *chosen; /* [chosen_count]: those of this run */
    size_t chosen_count;
    char **names; /* [samples.count] */
    struct label_journal *journal;
    size_t rows;                  /* categories looked for */
    pthread_mutex_t session_lock; /* one session with all threads: a picture that is there is done soon */

    pthread_mutex_t lock; /* around what follows */
    size_t next, finished;
    enum outcome *outcomes;  /* [chosen_count] */
    struct buffer *requests; /* [chosen_count], in a dry run */
    struct label_counts counts;
    clipseg_error fatal; /* what ended the run */
    double start;
};

struct worker {
    struct run *run;
    struct segments segments;
    struct pool *pool; /* for what is done beside the session */
    pthread_t thread;
};

/* A sample on its way through. */
struct job {
    struct run *run;
    struct worker *worker;
    const struct segments_sample *sample;
    char *name;
    size_t place; /* in chosen */
    struct input input;
    struct picture_job picture;
    char *png; /* the bitmap */
    size_t png_size;
    size_t *counts; /* [rows + 1] */
    uint32_t *ids;  /* [id_count]: those in the bitmap, ascending */
    size_t id_count;
};

static bool stopped(void)
{
    return signals_stop() != 0;
}

/* ---- from picture to bitmap */

static clipseg_status load(struct job *job, clipseg_error *error)
{
    struct segment *segment = &job->run->p->segment;
    struct network_reply reply;

    job->input = (struct input){.path = job->name, .name = job->name};
    picture_begin(&job->picture, segment, 0, &job->input, NULL);
    job->picture.pool = job->worker->pool;
    clipseg_status status =
        sample_picture(&job->worker->segments, job->sample->uuid, job->sample->url, job->name,
                       &segment->image_options, &reply, &job->picture.image, error);
    reply_free(&reply);
    return status;
}

/* The label map is enlarged and refined beside the session. */
static clipseg_status compute(struct job *job, clipseg_error *error)
{
    pthread_mutex_lock(&job->run->session_lock);
    clipseg_status status = picture_compute(&job->picture, error);
    pthread_mutex_unlock(&job->run->session_lock);
    return status ? status : picture_write(&job->picture, error);
}

static int by_id(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static clipseg_status count_pixels(struct job *job, clipseg_error *error)
{
    const struct label_map *map = &job->picture.labels;
    size_t rows = job->run->rows;

    job->counts = memory_zeroed(rows + 1, sizeof *job->counts);
    job->ids = memory_zeroed(rows, sizeof *job->ids);
    if (!job->counts || !job->ids)
        return error_memory(error);
    for (size_t i = 0; i < map->pixels; i++)
        job->counts[map->labels[i]]++;
    for (size_t i = 0; i < rows; i++)
        if (job->counts[i + 1])
            job->ids[job->id_count++] = job->picture.result.categories[i].id;
    qsort(job->ids, job->id_count, sizeof *job->ids, by_id);
    return CLIPSEG_OK;
}

static clipseg_status make_bitmap(struct job *job, clipseg_error *error)
{
    FILE *stream = open_memstream(&job->png, &job->png_size);
    clipseg_status status = stream ? count_pixels(job, error) : error_memory(error);

    if (!status)
        status = segments_write(stream, &job->picture.result, job->picture.labels.labels, error);
    if (stream && fclose(stream) && !status)
        status = error_memory(error);
    return status;
}

/* ---- from bitmap to label */

/* Somebody may have labelled it since the list was fetched; or we did, and were interrupted before we knew.
 */
static clipseg_status look_again(struct job *job, bool *free_to_go, bool *ours, clipseg_error *error)
{
    const struct prelabel *p = job->run->p;
    const char *bitmap = NULL;
    struct segments_label label = {0};
    clipseg_status status = CLIPSEG_OK;

    *free_to_go = true;
    *ours = false;
    (void)label_journal_has(job->run->journal, job->sample->uuid, &bitmap);
    if (p->overwrite && !bitmap)
        return CLIPSEG_OK;
    status = segments_get_label(&job->worker->segments, job->sample->uuid, p->labelset, &label, error);
    if (!status) {
        *ours = bitmap && label.bitmap && !strcmp(label.bitmap, bitmap);
        *free_to_go = !*ours && prelabel_may_label(p, label.status);
    }
    segments_label_free(&label);
    return status;
}

static clipseg_status send(struct job *job, bool *put, clipseg_error *error)
{
    struct run *r = job->run;
    struct segments *segments = &job->worker->segments;
    struct buffer json = {0};
    char *url = NULL;
    bool ours;
    clipseg_status status = look_again(job, put, &ours, error);

    if (!status && *put) {
        status = segments_upload(segments, job->png, job->png_size, &url, error);
        if (!status)
            status = label_journal_intend(r->journal, job->sample->uuid, url, error);
        if (!status) {
            segments_label_json(&json, url, job->ids, job->id_count);
            status = segments_put_label(segments, job->sample->uuid, r->p->labelset, &json, url, error);
        }
    }
    if (!status && (*put || ours))
        status = label_journal_done(r->journal, job->sample->uuid, error);
    *put = *put || ours;
    free(url);
    buffer_free(&json);
    return status;
}

/* Into the folder, instead. */
static clipseg_status keep(struct job *job, clipseg_error *error)
{
    struct run *r = job->run;
    struct buffer path = {0}, *out = &r->requests[job->place];

    buffer_format(&path, "%s/bitmaps/%s.png", r->p->output, job->name);
    clipseg_status status = path.failed ? error_memory(error) : make_folders(path.data, error);
    if (!status)
        status = file_write_bytes(path.data, job->png, job->png_size, false, error);
    buffer_format(out, "{\"sample\": ");
    buffer_json_string(out, job->sample->name);
    buffer_format(out, ", \"method\": \"PUT\", \"path\": \"labels/%s/%s/\", \"body\": ", job->sample->uuid,
                  r->p->labelset);
    struct buffer bitmap = {0};
    buffer_format(&bitmap, "bitmaps/%s.png", job->name);
    segments_label_json(out, bitmap.data ? bitmap.data : "", job->ids, job->id_count);
    buffer_text(out, "}\n");
    if (!status && (out->failed || bitmap.failed))
        status = error_memory(error);
    buffer_free(&bitmap);
    buffer_free(&path);
    return status;
}

static clipseg_status label_sample(struct job *job, bool *put, clipseg_error *error)
{
    clipseg_status status = load(job, error);

    *put = false;
    if (!status)
        status = compute(job, error);
    if (!status)
        status = make_bitmap(job, error);
    if (!status && job->run->p->dry_run) {
        *put = true;
        return keep(job, error);
    }
    return status ? status : send(job, put, error);
}

/* ---- workers */

static void free_job(struct job *job)
{
    picture_free(&job->picture);
    free(job->png);
    free(job->counts);
    free(job->ids);
}

/* With the lock. */
static void account(struct job *job, clipseg_status status, bool put, const clipseg_error *error)
{
    struct run *r = job->run;
    struct label_counts *counts = &r->counts;
    bool ends = status == CLIPSEG_ERROR_MEMORY || status == CLIPSEG_ERROR_USAGE ||
                status == CLIPSEG_ERROR_INTERRUPTED || (status && job->worker->segments.denied);

    if (ends && !r->fatal.status)
        r->fatal = *error;
    if (status) {
        r->outcomes[job->place] = ends ? NOT_YET : FAILED;
        counts->failed += !ends;
        if (!ends)
            note(false, "%s: %s", job->sample->name, error->text);
    } else if (put) {
        r->outcomes[job->place] = DONE;
        counts->done++;
        counts->all_pixels += job->picture.labels.pixels;
        for (size_t i = 0; i <= r->rows; i++) {
            counts->pixels[i] += job->counts[i];
            counts->with[i] += job->counts[i] > 0;
        }
    } else {
        r->outcomes[job->place] = LEFT_ALONE;
        counts->left_alone++;
    }
    progress_show(++r->finished, r->chosen_count, job->sample->name);
}

static void *run_worker(void *argument)
{
    struct worker *worker = argument;
    struct run *r = worker->run;

    pthread_mutex_lock(&r->lock);
    while (!r->fatal.status && !stopped() && r->next < r->chosen_count) {
        struct job job = {.run = r, .worker = worker, .place = r->next++};
        clipseg_error error;
        bool put;
        job.sample = &r->samples.items[r->chosen[job.place]];
        job.name = r->names[r->chosen[job.place]];
        pthread_mutex_unlock(&r->lock);
        clipseg_status status = label_sample(&job, &put, &error);
        pthread_mutex_lock(&r->lock);
        account(&job, status, put, &error);
        free_job(&job);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

static clipseg_status run_workers(struct run *r, clipseg_error *error)
{
    size_t count = r->p->jobs < r->chosen_count ? r->p->jobs : r->chosen_count, opened = 0, started = 0;
    struct worker *workers = memory_zeroed(count, sizeof *workers);
    clipseg_status status = workers ? CLIPSEG_OK : error_memory(error);

    for (; !status && opened < count; opened++) {
        struct worker *worker = &workers[opened];
        worker->run = r;
        worker->pool = pool_create(size_max(r->p->segment.plan.threads / count, 1));
        status = worker->pool ? segments_open(&worker->segments, r->p->api_url, &r->p->network, error)
                              : error_memory(error);
    }
    while (!status && started < count &&
           pthread_create(&workers[started].thread, NULL, run_worker, &workers[started]) == 0)
        started++;
    if (!status && !started && count)
        status = error_set(error, CLIPSEG_ERROR_MEMORY, "no thread can be started");
    for (size_t i = 0; i < started; i++)
        pthread_join(workers[i].thread, NULL);
    for (size_t i = 0; i < opened; i++) {
        segments_close(&workers[i].segments);
        if (workers[i].pool)
            pool_free(workers[i].pool);
    }
    free(workers);
    return status;
}

/* ---- what is to be done */

static clipseg_status choose_samples(struct run *r, clipseg_error *error)
{
    const struct prelabel *p = r->p;

    r->chosen = memory_zeroed(r->samples.count, sizeof *r->chosen);
    if (!r->chosen)
        return error_memory(error);
    for (size_t i = 0; i < r->samples.count; i++) {
        const struct segments_sample *sample = &r->samples.items[i];
        const char *bitmap = NULL;
        if (!shard_has(&p->segment.shard, sample->uuid))
            continue;
        bool known = r->journal && label_journal_has(r->journal, sample->uuid, &bitmap);
        if (known)
            r->counts.before++;
        else if (!bitmap && !prelabel_may_label(p, sample->status))
            r->counts.left_alone++;
        else if (!p->limit || r->chosen_count < p->limit)
            r->chosen[r->chosen_count++] = i;
    }
    r->outcomes = memory_zeroed(r->chosen_count, sizeof *r->outcomes);
    r->requests = memory_zeroed(r->chosen_count, sizeof *r->requests);
    r->names = sample_names(&r->samples, false);
    return r->outcomes && r->requests && r->names ? CLIPSEG_OK : error_memory(error);
}

static clipseg_status ask_service(struct run *r, clipseg_error *error)
{
    struct prelabel *p = r->p;
    const struct segments_query query = {p->labelset, p->name, p->metadata.data};
    clipseg_status status = segments_open(&r->service, p->api_url, &p->network, error);

    if (!status)
        status = segments_get_dataset(&r->service, p->dataset, &r->dataset, error);
    if (!status && strcmp(r->dataset.task, "segmentation-bitmap") != 0 &&
        strcmp(r->dataset.task, "segmentation-bitmap-highres") != 0)
        status = error_set(error, CLIPSEG_ERROR_USAGE,
                           "%s: its task is %.60s; want segmentation-bitmap or segmentation-bitmap-highres",
                           p->dataset, r->dataset.task);
    if (!status)
        status = prelabel_choose_categories(p, &r->dataset, error);
    if (!status)
        prelabel_check_labelset(p, &r->dataset);
    if (!status)
        status = segments_get_samples(&r->service, p->dataset, &query, &r->samples, error);
    r->rows = p->segment.prompts.count;
    return status;
}

/* What the journal is about depends on the prompts' embeddings, and the samples on the journal. */
static clipseg_status prepare(struct run *r, clipseg_error *error)
{
    struct prelabel *p = r->p;
    clipseg_status status = ask_service(r, error);

    if (!status && r->samples.count)
        status = segment_prepare(&p->segment, 1, error);
    if (!status && r->samples.count && !p->dry_run)
        status =
            label_journal_open(&r->journal, p->journal_path, label_journal_key(p, r->service.base), error);
    if (status)
        return status;
    r->counts.pixels = memory_zeroed(r->rows + 1, sizeof *r->counts.pixels);
    r->counts.with = memory_zeroed(r->rows + 1, sizeof *r->counts.with);
    return r->counts.pixels && r->counts.with ? choose_samples(r, error) : error_memory(error);
}

/* ---- what was done */

static clipseg_status write_requests(const struct run *r, clipseg_error *error)
{
    struct buffer path = {0}, all = {0};

    for (size_t i = 0; i < r->chosen_count; i++)
        if (r->outcomes[i] == DONE)
            buffer_append(&all, r->requests[i].data, r->requests[i].size);
    buffer_format(&path, "%s/requests.jsonl", r->p->output);
    clipseg_status status = path.failed || all.failed ? error_memory(error) : make_folders(path.data, error);
    if (!status)
        status = file_write_bytes(path.data, all.data ? all.data : "", all.size, false, error);
    buffer_free(&path);
    buffer_free(&all);
    return status;
}

static int report(struct run *r, clipseg_error *error)
{
    progress_end();
    r->counts.left = r->chosen_count - r->finished;
    if ((r->p->dry_run && write_requests(r, error)) ||
        prelabel_summary(r->p, &r->counts, seconds_now() - r->start, error))
        return fail(error);
    if (stopped()) {
        note(r->p->segment.choice.quiet, "interrupted; the same command continues");
        return signals_stop();
    }
    if (r->fatal.status)
        return fail(&r->fatal);
    return r->counts.failed ? CLIPSEG_ERROR_PARTIAL : 0;
}

int prelabel_segments(struct prelabel *p)
{
    struct run r = {.p = p, .start = seconds_now()};
    clipseg_error error;
    int code;

    pthread_mutex_init(&r.lock, NULL);
    pthread_mutex_init(&r.session_lock, NULL);
    p->network.stopped = stopped;
    clipseg_status status = prepare(&r, &error);
    progress_enable(!p->segment.choice.quiet);
    if (!status)
        status = run_workers(&r, &error);
    if (status)
        progress_end();
    code = !status ? report(&r, &error) : stopped() ? signals_stop() : fail(&error);
    label_journal_close(&r.journal, code != 0 || r.finished < r.chosen_count);
    for (size_t i = 0; r.requests && i < r.chosen_count; i++)
        buffer_free(&r.requests[i]);
    free_names(r.names, r.samples.count);
    free(r.requests);
    free(r.chosen);
    free(r.outcomes);
    free(r.counts.pixels);
    free(r.counts.with);
    segments_samples_free(&r.samples);
    segments_dataset_free(&r.dataset);
    segments_close(&r.service);
    pthread_mutex_destroy(&r.lock);
    pthread_mutex_destroy(&r.session_lock);
    return code;
}
