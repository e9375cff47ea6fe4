/* prelabel_segments.c: labels for a data set on Segments.ai. Several workers, each with a connection of its
 * own, take samples from one list: while one uses the model, others fetch pictures or send labels. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/pool.h"
#include "cli/prelabel.h"
#include "model/model.h"
#include "output/output.h"
#include "segment/enlarge.h"
#include "segment/label_map.h"

#define LOGITS_AT_ONCE 32

enum outcome { NOT_YET, DONE, LEFT_ALONE, FAILED };

struct run {
    struct prelabel *p;
    struct segments_dataset dataset;
    struct segments_samples samples;
    size_t *chosen; /* [chosen_count]: those of this run */
    size_t chosen_count, left_alone, before;
    char **names; /* [samples.count] */
    struct label_journal *journal;

    struct prompt_list prompts; /* [dataset.count]: the categories' names */
    clipseg_model *model;
    clipseg_session *session;
    pthread_mutex_t session_lock;
    clipseg_image_options image_options;

    pthread_mutex_t lock; /* around what follows */
    size_t next, finished;
    enum outcome *outcomes;  /* [chosen_count] */
    struct buffer *requests; /* [chosen_count], in a dry run */
    size_t *pixels, *with;   /* [rows + 1]: of each category, 0 none; samples that have it */
    size_t all_pixels, done, failed;
    clipseg_error fatal; /* what ended the run */
    double start;
};

struct worker {
    struct run *run;
    struct segments segments;
    struct pool *pool;
    pthread_t thread;
};

/* A sample on its way through. */
struct job {
    struct run *run;
    struct worker *worker;
    const struct segments_sample *sample;
    const char *name;
    size_t place; /* in chosen */
    clipseg_image image;
    size_t side;   /* S */
    float *logits; /* [LOGITS_AT_ONCE, S, S]: those of categories first .. first + count - 1 */
    size_t first, count;
    float *probability; /* [height, width] */
    struct label_map map;
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

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- from picture to bitmap */

static clipseg_status load(struct job *job, clipseg_error *error)
{
    struct network_reply reply;
    clipseg_status status = sample_picture(&job->worker->segments, job->sample->url, job->name,
                                           &job->run->image_options, &reply, &job->image, error);

    reply_free(&reply);
    return status;
}

/* The categories whose logits are there, into the map. */
static clipseg_status add_categories(struct job *job, clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;

    for (size_t i = 0; !status && i < job->count; i++) {
        status =
            enlarge(&job->run->model->kernels, job->worker->pool, job->logits + i * job->side * job->side,
                    job->side, job->image.width, job->image.height, job->probability, error);
        if (!status)
            label_map_add(&job->map, (uint16_t)(job->first + i + 1), job->probability);
    }
    return status;
}

/* The last categories are added without the session. */
static clipseg_status compute_locked(struct job *job, clipseg_error *error)
{
    struct run *r = job->run;
    size_t total = r->dataset.count;
    clipseg_status status = clipseg_session_set_image(r->session, &job->image, error);

    while (!status && job->first + job->count < total) {
        if (job->count)
            status = add_categories(job, error); /* make room for the next ones */
        job->first += job->count;
        job->count = size_min(LOGITS_AT_ONCE, total - job->first);
        if (!status)
            status = clipseg_session_logits(r->session, r->prompts.prompts + job->first, job->count,
                                            job->logits, error);
    }
    return status;
}

static clipseg_status compute(struct job *job, clipseg_error *error)
{
    size_t pixels = job->image.width * job->image.height;
    const struct label_rule rule = {.threshold = (float)job->run->p->threshold};
    clipseg_status status = label_map_begin(&job->map, pixels, &rule, error);

    if (status)
        return status;
    job->side = clipseg_session_logits_size(job->run->session);
    job->probability = memory_aligned(pixels, sizeof *job->probability);
    job->logits = memory_aligned(size_min(LOGITS_AT_ONCE, job->run->dataset.count) * job->side * job->side,
                                 sizeof *job->logits);
    if (!job->probability || !job->logits)
        return error_memory(error);
    pthread_mutex_lock(&job->run->session_lock);
    status = compute_locked(job, error);
    pthread_mutex_unlock(&job->run->session_lock);
    if (!status)
        status = add_categories(job, error);
    if (!status)
        label_map_end(&job->map);
    return status;
}

static int by_id(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static clipseg_status count_pixels(struct job *job, clipseg_error *error)
{
    const struct segments_dataset *dataset = &job->run->dataset;

    job->counts = memory_zeroed(dataset->count + 1, sizeof *job->counts);
    job->ids = memory_zeroed(dataset->count, sizeof *job->ids);
    if (!job->counts || !job->ids)
        return error_memory(error);
    for (size_t i = 0; i < job->map.pixels; i++)
        job->counts[job->map.labels[i]]++;
    for (size_t i = 0; i < dataset->count; i++)
        if (job->counts[i + 1])
            job->ids[job->id_count++] = dataset->categories[i].id;
    qsort(job->ids, job->id_count, sizeof *job->ids, by_id);
    return CLIPSEG_OK;
}

static clipseg_status make_bitmap(struct job *job, clipseg_error *error)
{
    const struct segments_dataset *dataset = &job->run->dataset;
    const struct result result = {
        .image = &job->image, .prompt_count = dataset->count, .categories = dataset->categories};
    FILE *stream = open_memstream(&job->png, &job->png_size);
    clipseg_status status = stream ? count_pixels(job, error) : error_memory(error);

    if (!status)
        status = segments_write(stream, &result, job->map.labels, error);
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
    label_map_free(&job->map);
    clipseg_image_free(&job->image);
    free(job->probability);
    free(job->logits);
    free(job->png);
    free(job->counts);
    free(job->ids);
}

/* With the lock. */
static void account(struct job *job, clipseg_status status, bool put, const clipseg_error *error)
{
    struct run *r = job->run;
    bool ends = status == CLIPSEG_ERROR_MEMORY || status == CLIPSEG_ERROR_USAGE ||
                status == CLIPSEG_ERROR_INTERRUPTED || (status && job->worker->segments.denied);

    if (ends && !r->fatal.status)
        r->fatal = *error;
    if (status) {
        r->outcomes[job->place] = ends ? NOT_YET : FAILED;
        r->failed += !ends;
        if (!ends)
            note(false, "%s: %s", job->sample->name, error->text);
    } else if (put) {
        r->outcomes[job->place] = DONE;
        r->done++;
        r->all_pixels += job->map.pixels;
        for (size_t i = 0; i <= r->dataset.count; i++) {
            r->pixels[i] += job->counts[i];
            r->with[i] += job->counts[i] > 0;
        }
    } else {
        r->outcomes[job->place] = LEFT_ALONE;
        r->left_alone++;
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
        worker->pool = pool_create(1);
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

static clipseg_status choose_categories(struct run *r, clipseg_error *error)
{
    const struct segments_dataset *d = &r->dataset;
    clipseg_status status = CLIPSEG_OK;

    if (!d->count)
        return error_set(error, CLIPSEG_ERROR_USAGE, "%s has no categories to look for", r->p->dataset);
    if (d->count >= LABEL_UNDECIDED)
        return error_set(error, CLIPSEG_ERROR_USAGE, "%s: more than %d categories", r->p->dataset,
                         LABEL_UNDECIDED - 1);
    for (size_t i = 0; !status && i < d->count; i++)
        status = prompts_add_text(&r->prompts, d->categories[i].name, error);
    return status;
}

static clipseg_status choose_samples(struct run *r, clipseg_error *error)
{
    const struct prelabel *p = r->p;

    r->chosen = memory_zeroed(r->samples.count, sizeof *r->chosen);
    if (!r->chosen)
        return error_memory(error);
    for (size_t i = 0; i < r->samples.count; i++) {
        const struct segments_sample *sample = &r->samples.items[i];
        const char *bitmap = NULL;
        if (p->shards && i % p->shards != p->shard - 1)
            continue;
        bool known = r->journal && label_journal_has(r->journal, sample->uuid, &bitmap);
        if (known)
            r->before++;
        else if (!bitmap && !prelabel_may_label(p, sample->status))
            r->left_alone++;
        else if (!p->limit || r->chosen_count < p->limit)
            r->chosen[r->chosen_count++] = i;
    }
    r->outcomes = memory_zeroed(r->chosen_count, sizeof *r->outcomes);
    r->requests = memory_zeroed(r->chosen_count, sizeof *r->requests);
    r->pixels = memory_zeroed(r->dataset.count + 1, sizeof *r->pixels);
    r->with = memory_zeroed(r->dataset.count + 1, sizeof *r->with);
    r->names = sample_names(&r->samples, false);
    return r->outcomes && r->requests && r->pixels && r->with && r->names ? CLIPSEG_OK : error_memory(error);
}

static clipseg_status ask_service(struct run *r, clipseg_error *error)
{
    struct prelabel *p = r->p;
    struct segments segments;
    const struct segments_query query = {p->labelset, p->name, p->metadata.data};
    clipseg_status status = segments_open(&segments, p->api_url, &p->network, error);

    if (!status)
        status = segments_get_dataset(&segments, p->dataset, &r->dataset, error);
    if (!status && strcmp(r->dataset.task, "segmentation-bitmap") != 0 &&
        strcmp(r->dataset.task, "segmentation-bitmap-highres") != 0)
        status = error_set(error, CLIPSEG_ERROR_USAGE,
                           "%s: its task is %.60s; want segmentation-bitmap or segmentation-bitmap-highres",
                           p->dataset, r->dataset.task);
    if (!status)
        status = choose_categories(r, error);
    if (!status)
        status = segments_get_samples(&segments, p->dataset, &query, &r->samples, error);
    if (!status && !p->dry_run)
        status = label_journal_open(&r->journal, p->journal_path,
                                    label_journal_key(p, segments.base, &r->dataset), error);
    segments_close(&segments);
    return status ? status : choose_samples(r, error);
}

static clipseg_status open_model(struct run *r, clipseg_error *error)
{
    struct prelabel *p = r->p;
    clipseg_session_options options;
    clipseg_status status = model_choose(&r->model, &p->choice, error);

    clipseg_session_options_default(&options);
    options.threads = p->choice.threads;
    options.input_size = p->input_size;
    clipseg_image_options_default(&r->image_options);
    if (p->max_pixels)
        r->image_options.max_pixels = p->max_pixels;
    if (!status)
        status = clipseg_session_create(&r->session, r->model, &options, error);
    if (!status)
        status = prompts_embed(&r->prompts, r->model, r->session, &r->image_options, p->choice.quiet, error);
    return status;
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

static void print_summary(const struct run *r)
{
    const struct segments_dataset *dataset = &r->dataset;
    double seconds = seconds_now() - r->start, all = r->all_pixels ? (double)r->all_pixels : 1.0;
    size_t left = r->chosen_count - r->finished;

    printf("%s, %s: %zu %s", r->p->dataset, r->p->labelset, r->done, r->p->dry_run ? "written" : "labelled");
    if (r->before)
        printf(", %zu before", r->before);
    printf(", %zu left alone, %zu failed, %zu left; %.2f/s\n", r->left_alone, r->failed, left,
           seconds > 0.0 ? (double)r->done / seconds : 0.0);
    for (size_t i = 0; r->done && i <= dataset->count; i++) {
        size_t row = (i + 1) % (dataset->count + 1); /* nothing comes last */
        if (row)
            printf("%8u  %-28s %6.2f %%  in %zu\n", dataset->categories[row - 1].id,
                   dataset->categories[row - 1].name, 100.0 * (double)r->pixels[row] / all, r->with[row]);
        else
            printf("%8s  %-28s %6.2f %%\n", "", "(nothing)", 100.0 * (double)r->pixels[0] / all);
    }
}

static void print_json(const struct run *r)
{
    const struct segments_dataset *dataset = &r->dataset;
    struct buffer text = {0};
    double all = r->all_pixels ? (double)r->all_pixels : 1.0;

    buffer_text(&text, "{\"dataset\": ");
    buffer_json_string(&text, r->p->dataset);
    buffer_text(&text, ", \"labelset\": ");
    buffer_json_string(&text, r->p->labelset);
    buffer_format(&text,
                  ", \"done\": %zu, \"before\": %zu, \"left_alone\": %zu, \"failed\": %zu, \"left\": %zu, "
                  "\"seconds\": %.3f, \"unlabeled\": %.6f, \"categories\": [",
                  r->done, r->before, r->left_alone, r->failed, r->chosen_count - r->finished,
                  seconds_now() - r->start, (double)r->pixels[0] / all);
    for (size_t i = 0; i < dataset->count; i++) {
        buffer_format(&text, "%s{\"id\": %u, \"name\": ", i ? ", " : "", dataset->categories[i].id);
        buffer_json_string(&text, dataset->categories[i].name);
        buffer_format(&text, ", \"share\": %.6f, \"samples\": %zu}", (double)r->pixels[i + 1] / all,
                      r->with[i + 1]);
    }
    buffer_text(&text, "]}\n");
    if (!text.failed)
        fputs(text.data, stdout);
    buffer_free(&text);
}

static int report(struct run *r, clipseg_error *error)
{
    progress_end();
    if (r->p->dry_run && write_requests(r, error))
        return fail(error);
    if (r->p->json)
        print_json(r);
    else
        print_summary(r);
    if (fflush(stdout) || ferror(stdout)) {
        error_set(error, CLIPSEG_ERROR_IO, "stdout: cannot be written");
        return fail(error);
    }
    if (stopped()) {
        note(r->p->choice.quiet, "interrupted; the same command continues");
        return signals_stop();
    }
    if (r->fatal.status)
        return fail(&r->fatal);
    return r->failed ? CLIPSEG_ERROR_PARTIAL : 0;
}

int prelabel_segments(struct prelabel *p)
{
    struct run r = {.p = p, .start = seconds_now()};
    clipseg_error error;
    int code;

    pthread_mutex_init(&r.lock, NULL);
    pthread_mutex_init(&r.session_lock, NULL);
    p->network.stopped = stopped;
    clipseg_status status = ask_service(&r, &error);
    if (!status && r.chosen_count)
        status = open_model(&r, &error);
    progress_enable(!p->choice.quiet);
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
    free(r.pixels);
    free(r.with);
    prompts_free(&r.prompts);
    segments_samples_free(&r.samples);
    segments_dataset_free(&r.dataset);
    clipseg_session_close(&r.session);
    clipseg_model_close(&r.model);
    pthread_mutex_destroy(&r.lock);
    pthread_mutex_destroy(&r.session_lock);
    return code;
}
