/* fetch.c: `clipseg fetch`: pictures and corrected labels from Segments.ai into one plain folder. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/dataset.h"
#include "cli/prelabel.h"
#include "cli/sinks.h"

enum outcome { NOT_YET, DONE, PASSED, FAILED };

struct fetch {
    struct prelabel p; /* the options that labelling has, too */
    const char *statuses;
    bool coco;
    struct segments_dataset dataset;
    struct segments_samples samples;
    const char **titles;    /* [dataset.count] */
    char **names, **images; /* [samples.count]: stem, and the picture's file name */

    pthread_mutex_t lock; /* around what follows */
    size_t next, finished, done, failed;
    enum outcome *outcomes; /* [samples.count] */
    struct buffer *rows;    /* [samples.count]: of samples.jsonl */
    clipseg_error fatal;
};

struct worker {
    struct fetch *fetch;
    struct segments segments;
    pthread_t thread;
};

static bool stopped(void)
{
    return signals_stop() != 0;
}

/* ---- one sample */

/* Is it one of the list? "all" has every label. */
static bool wanted(const char *list, const char *status)
{
    size_t length = strlen(status);

    if (!strcasecmp(list, "all"))
        return strcmp(status, "UNLABELED") != 0;
    for (const char *item = list; *item;) {
        size_t one = strcspn(item, ",");
        if (one == length && !strncasecmp(item, status, one))
            return true;
        item += one + (item[one] == ',');
    }
    return false;
}

static char *path_of(const struct fetch *f, const char *folder, const char *name, const char *suffix)
{
    struct buffer path = {0};

    buffer_format(&path, "%s/%s%s%s%s", f->p.output, folder, *folder ? "/" : "", name, suffix);
    if (!path.failed)
        return path.data;
    buffer_free(&path);
    return NULL;
}

static clipseg_status write_whole(const char *path, const void *data, size_t size, clipseg_error *error)
{
    clipseg_status status = path ? make_folders(path, error) : error_memory(error);

    return status ? status : file_write_bytes(path, data ? data : "", size, false, error);
}

/* What is there from an earlier run is not fetched again. size: what the label says. */
static clipseg_status fetch_picture(struct worker *worker, size_t number, const clipseg_image *size,
                                    clipseg_error *error)
{
    const struct segments_sample *sample = &worker->fetch->samples.items[number];
    char *path = path_of(worker->fetch, "images", worker->fetch->images[number], "");
    struct network_reply reply = {0};
    clipseg_image picture = {0};
    clipseg_status status = path ? CLIPSEG_OK : error_memory(error);

    if (!status && access(path, F_OK) != 0) {
        status = sample_picture(&worker->segments, sample->uuid, sample->url, "the picture", NULL, &reply,
                                &picture, error);
        if (!status && (picture.width != size->width || picture.height != size->height))
            status =
                error_set(error, CLIPSEG_ERROR_IMAGE, "the picture has %zu x %zu pixels, its label %zu x %zu",
                          picture.width, picture.height, size->width, size->height);
        if (!status)
            status = write_whole(path, reply.body.data, reply.body.size, error);
    }
    reply_free(&reply);
    clipseg_image_free(&picture);
    free(path);
    return status;
}

/* Which category, from 1 in the data set's order, an id of the bitmap stands for; 0: none. */
static size_t category_of(const struct fetch *f, const struct segments_label *label, uint32_t id)
{
    for (size_t i = 0; id && i < json_array_size(label->annotations); i++) {
        const json_t *entry = json_array_get(label->annotations, i);
        if (json_integer_value(json_object_get(entry, "id")) != (json_int_t)id)
            continue;
        json_int_t category = json_integer_value(json_object_get(entry, "category_id"));
        for (size_t k = 0; k < f->dataset.count; k++)
            if (category == (json_int_t)f->dataset.categories[k].id)
                return k + 1;
    }
    return 0;
}

/* The bitmap's ids to places of categories. labels: [height, width] */
static clipseg_status read_bitmap(struct worker *worker, const struct segments_label *label,
                                  clipseg_image *bitmap, uint16_t **labels, clipseg_error *error)
{
    struct network_reply reply = {0};
    clipseg_status status = label->bitmap ? sample_picture(&worker->segments, NULL, label->bitmap,
                                                           "the label's bitmap", NULL, &reply, bitmap, error)
                                          : error_set(error, CLIPSEG_ERROR_IMAGE, "the label has no bitmap");

    reply_free(&reply);
    if (status)
        return status;
    size_t pixels = bitmap->width * bitmap->height, last = 0;
    uint32_t last_id = 0;
    *labels = memory_aligned(pixels, sizeof **labels);
    if (!*labels)
        return error_memory(error);
    for (size_t i = 0; i < pixels; i++) {
        const uint8_t *rgb = bitmap->rgb + 3 * i;
        uint32_t id = rgb[0] | (uint32_t)rgb[1] << 8 | (uint32_t)rgb[2] << 16;
        if (id != last_id) { /* neighbours mostly agree */
            last = category_of(worker->fetch, label, id);
            last_id = id;
        }
        (*labels)[i] = (uint16_t)last;
    }
    return CLIPSEG_OK;
}

/* Pixels are the categories' own ids: a palette up to 255, else 16-bit grey. */
static clipseg_status write_label_map(const struct fetch *f, const char *name, const clipseg_image *size,
                                      const uint16_t *labels, clipseg_error *error)
{
    size_t pixels = size->width * size->height;
    struct png_palette palette = {.count = 256};
    uint32_t largest = 0;
    struct file_writer writer = {0};
    char *path = path_of(f, "labels", name, ".png");
    uint8_t *narrow = memory_aligned(pixels, 2);
    clipseg_status status = path && narrow ? make_folders(path, error) : error_memory(error);

    for (size_t k = 0; k < f->dataset.count; k++) {
        const struct category *category = &f->dataset.categories[k];
        largest = category->id > largest ? category->id : largest;
        if (category->id < 256)
            memcpy(palette.rgb[category->id], category->colour, 3);
    }
    if (!status && largest > UINT16_MAX)
        status = error_set(error, CLIPSEG_ERROR_USAGE, "a label map has room for ids up to %d, found %u",
                           UINT16_MAX, largest);
    for (size_t i = 0; !status && i < pixels; i++) {
        uint32_t id = labels[i] ? f->dataset.categories[labels[i] - 1].id : 0;
        if (largest < 256)
            narrow[i] = (uint8_t)id;
        else
            ((uint16_t *)(void *)narrow)[i] = (uint16_t)id;
    }
    if (!status)
        status = file_write_open(&writer, path, error);
    if (!status)
        status = png_write(writer.stream, largest < 256 ? PNG_PALETTE8 : PNG_GREY16, size->width,
                           size->height, narrow, largest < 256 ? &palette : NULL, error);
    if (!status)
        status = file_write_commit(&writer, false, error);
    file_write_abandon(&writer);
    free(narrow);
    free(path);
    return status;
}

/* COCO from the label map: the writer takes masks as probabilities of 0 and 1. */
static clipseg_status write_fragment(const struct fetch *f, size_t number, const clipseg_image *size,
                                     const uint16_t *labels, clipseg_error *error)
{
    const struct result result = {.image_name = f->images[number],
                                  .file_name = f->images[number],
                                  .number = number + 1,
                                  .image = size,
                                  .prompt_count = f->dataset.count,
                                  .prompts = f->titles,
                                  .categories = f->dataset.categories,
                                  .threshold = 0.5f,
                                  .tolerance = 1.0};
    size_t pixels = size->width * size->height;
    struct sink sink = {0};
    char *path = dataset_fragment(f->p.output, &format_coco, f->images[number]);
    float *mask = memory_aligned(pixels, sizeof *mask);
    clipseg_status status = path && mask ? make_folders(path, error) : error_memory(error);

    if (!status)
        status = sink_open(&sink, &result, &format_coco, path, error);
    for (size_t k = 0; !status && k < f->dataset.count; k++) {
        for (size_t i = 0; i < pixels; i++)
            mask[i] = labels[i] == k + 1 ? 1.0f : 0.0f;
        status = format_coco.add(&sink.output, &(struct answer){.prompt = k, .probability = mask}, error);
    }
    if (!status)
        status = sink_commit(&sink, NULL, error);
    sink_close(&sink);
    free(mask);
    free(path);
    return status;
}

static void write_row(struct fetch *f, size_t number, const char *label_status)
{
    const struct segments_sample *sample = &f->samples.items[number];
    struct buffer *row = &f->rows[number];

    buffer_text(row, "{\"uuid\": ");
    buffer_json_string(row, sample->uuid);
    buffer_text(row, ", \"name\": ");
    buffer_json_string(row, sample->name);
    buffer_text(row, ", \"status\": ");
    buffer_json_string(row, label_status);
    buffer_text(row, ", \"image\": ");
    struct buffer path = {0};
    buffer_format(&path, "images/%s", f->images[number]);
    buffer_json_string(row, path.data ? path.data : "");
    buffer_free(&path);
    buffer_format(&path, "labels/%s.png", f->names[number]);
    buffer_text(row, ", \"label\": ");
    buffer_json_string(row, path.data ? path.data : "");
    buffer_free(&path);
    buffer_text(row, "}\n");
}

static clipseg_status fetch_sample(struct worker *worker, size_t number, bool *passed, clipseg_error *error)
{
    struct fetch *f = worker->fetch;
    const struct segments_sample *sample = &f->samples.items[number];
    struct segments_label label = {0};
    clipseg_image bitmap = {0};
    uint16_t *labels = NULL;
    clipseg_status status = CLIPSEG_OK;

    *passed = sample->status && !wanted(f->statuses, sample->status);
    if (*passed)
        return CLIPSEG_OK;
    status = segments_get_label(&worker->segments, sample->uuid, f->p.labelset, &label, error);
    *passed = !status && (!label.status || !wanted(f->statuses, label.status));
    if (!status && !*passed) {
        status = read_bitmap(worker, &label, &bitmap, &labels, error);
        if (!status)
            status = fetch_picture(worker, number, &bitmap, error);
        if (!status)
            status = write_label_map(f, f->names[number], &bitmap, labels, error);
        if (!status && f->coco)
            status = write_fragment(f, number, &bitmap, labels, error);
        if (!status)
            write_row(f, number, label.status);
        if (!status && f->rows[number].failed)
            status = error_memory(error);
    }
    free(labels);
    clipseg_image_free(&bitmap);
    segments_label_free(&label);
    return status;
}

/* ---- workers */

static void account(struct fetch *f, const struct worker *worker, size_t number, clipseg_status status,
                    bool passed, const clipseg_error *error)
{
    const char *name = f->samples.items[number].name;

    if (status == CLIPSEG_ERROR_MEMORY || status == CLIPSEG_ERROR_USAGE ||
        status == CLIPSEG_ERROR_INTERRUPTED || (status && worker->segments.denied)) {
        if (!f->fatal.status)
            f->fatal = *error;
        return;
    }
    f->outcomes[number] = status ? FAILED : passed ? PASSED : DONE;
    f->done += !status && !passed;
    f->failed += status != CLIPSEG_OK;
    if (status)
        note(false, "%s: %s", name, error->text);
    progress_show(++f->finished, f->samples.count, name);
}

static void *run_worker(void *argument)
{
    struct worker *worker = argument;
    struct fetch *f = worker->fetch;
    const struct prelabel *p = &f->p;

    pthread_mutex_lock(&f->lock);
    while (!f->fatal.status && !stopped() && f->next < f->samples.count &&
           (!p->limit || f->done < p->limit)) {
        size_t number = f->next++;
        clipseg_error error;
        bool passed;
        pthread_mutex_unlock(&f->lock);
        clipseg_status status = fetch_sample(worker, number, &passed, &error);
        pthread_mutex_lock(&f->lock);
        account(f, worker, number, status, passed, &error);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

static clipseg_status run_workers(struct fetch *f, clipseg_error *error)
{
    size_t count = f->p.jobs < f->samples.count ? f->p.jobs : f->samples.count, opened = 0, started = 0;
    struct worker *workers = memory_zeroed(count, sizeof *workers);
    clipseg_status status = workers ? CLIPSEG_OK : error_memory(error);

    for (; !status && opened < count; opened++) {
        workers[opened].fetch = f;
        status = segments_open(&workers[opened].segments, f->p.api_url, &f->p.network, error);
    }
    while (!status && started < count &&
           pthread_create(&workers[started].thread, NULL, run_worker, &workers[started]) == 0)
        started++;
    if (!status && !started && count)
        status = error_set(error, CLIPSEG_ERROR_MEMORY, "no thread can be started");
    for (size_t i = 0; i < started; i++)
        pthread_join(workers[i].thread, NULL);
    for (size_t i = 0; i < opened; i++)
        segments_close(&workers[i].segments);
    free(workers);
    return status;
}

/* ---- the run */

/* The picture keeps the suffix of the sample's name, else that of its address. */
static bool name_pictures(struct fetch *f)
{
    f->names = sample_names(&f->samples, false);
    f->images = memory_zeroed(f->samples.count, sizeof *f->images);
    for (size_t i = 0; f->names && f->images && i < f->samples.count; i++) {
        const struct segments_sample *sample = &f->samples.items[i];
        const char *dot = strrchr(sample->name, '.'), *url = sample->url ? sample->url : "";
        size_t end = strcspn(url, "?#");
        struct buffer name = {0};
        buffer_text(&name, f->names[i]);
        if (dot && dot != sample->name && !strchr(dot, '/')) {
            buffer_text(&name, dot);
        } else {
            size_t start = end;
            while (start && url[start - 1] != '.' && url[start - 1] != '/')
                start--;
            if (start && url[start - 1] == '.' && end - start < 6)
                buffer_append(&name, url + start - 1, end - start + 1);
        }
        if (name.failed)
            return false;
        f->images[i] = name.data;
    }
    return f->names && f->images;
}

static clipseg_status begin(struct fetch *f, clipseg_error *error)
{
    const struct segments_query query = {f->p.labelset, f->p.name, f->p.metadata.data};
    struct segments segments;
    clipseg_status status = segments_open(&segments, f->p.api_url, &f->p.network, error);

    if (!status)
        status = segments_get_dataset(&segments, f->p.dataset, &f->dataset, error);
    if (!status)
        prelabel_check_labelset(&f->p, &f->dataset);
    if (!status)
        status = segments_get_samples(&segments, f->p.dataset, &query, &f->samples, error);
    segments_close(&segments);
    if (status)
        return status;
    f->outcomes = memory_zeroed(f->samples.count, sizeof *f->outcomes);
    f->rows = memory_zeroed(f->samples.count, sizeof *f->rows);
    f->titles = memory_zeroed(f->dataset.count, sizeof *f->titles);
    if (!f->outcomes || !f->rows || !f->titles || !name_pictures(f))
        return error_memory(error);
    for (size_t i = 0; i < f->dataset.count; i++)
        f->titles[i] = f->dataset.categories[i].name;
    return CLIPSEG_OK;
}

/* Usable as --categories again. */
static clipseg_status write_categories(const struct fetch *f, clipseg_error *error)
{
    struct buffer text = {0};
    char *path = path_of(f, "", "categories.json", "");

    buffer_text(&text, "{\"categories\": [");
    for (size_t i = 0; i < f->dataset.count; i++) {
        const struct category *c = &f->dataset.categories[i];
        buffer_format(&text, "%s\n  {\"id\": %u, \"name\": ", i ? "," : "", c->id);
        buffer_json_string(&text, c->name);
        buffer_format(&text, ", \"colour\": \"#%02x%02x%02x\"}", c->colour[0], c->colour[1], c->colour[2]);
    }
    buffer_text(&text, "]}\n");
    clipseg_status status =
        text.failed ? error_memory(error) : write_whole(path, text.data, text.size, error);
    buffer_free(&text);
    free(path);
    return status;
}

static clipseg_status write_rows(const struct fetch *f, clipseg_error *error)
{
    struct buffer text = {0};
    char *path = path_of(f, "", "samples.jsonl", "");

    for (size_t i = 0; i < f->samples.count; i++)
        if (f->outcomes[i] == DONE)
            buffer_append(&text, f->rows[i].data, f->rows[i].size);
    clipseg_status status =
        text.failed ? error_memory(error) : write_whole(path, text.data, text.size, error);
    buffer_free(&text);
    free(path);
    return status;
}

static clipseg_status write_coco(const struct fetch *f, clipseg_error *error)
{
    struct dataset_picture *pictures = memory_zeroed(f->samples.count, sizeof *pictures);
    struct dataset dataset = {.categories = f->dataset.categories,
                              .category_count = f->dataset.count,
                              .pictures = pictures,
                              .threshold = 0.5f};
    struct file_writer writer = {0};
    char *path = path_of(f, "", format_coco.files->name, "");
    clipseg_status status = pictures && path ? CLIPSEG_OK : error_memory(error);

    for (size_t i = 0; !status && i < f->samples.count; i++) {
        if (f->outcomes[i] != DONE)
            continue;
        struct dataset_picture *picture = &pictures[dataset.picture_count++];
        picture->name = f->images[i];
        if (!(picture->fragment = dataset_fragment(f->p.output, &format_coco, f->images[i])))
            status = error_memory(error);
    }
    if (!status)
        status = file_write_open(&writer, path, error);
    if (!status)
        status = format_coco.files->assemble(&dataset, writer.stream, error);
    if (!status)
        status = file_write_commit(&writer, false, error);
    file_write_abandon(&writer);
    for (size_t i = 0; pictures && i < dataset.picture_count; i++)
        free(pictures[i].fragment);
    free(pictures);
    free(path);
    for (size_t i = 0; i < f->samples.count; i++)
        dataset_remove(f->p.output, &format_coco, f->images[i]);
    return status;
}

static int finish(struct fetch *f, clipseg_error *error)
{
    size_t passed = f->finished - f->done - f->failed;
    clipseg_status status = write_categories(f, error);

    progress_end();
    if (!status)
        status = write_rows(f, error);
    if (!status && f->coco)
        status = write_coco(f, error);
    if (status)
        return fail(error);
    printf("%s, %s: %zu fetched into %s, %zu failed, %zu of other status\n", f->p.dataset, f->p.labelset,
           f->done, f->p.output, f->failed, passed);
    if (stdout_flush(error))
        return fail(error);
    if (stopped())
        return signals_stop();
    if (f->fatal.status)
        return fail(&f->fatal);
    return f->failed ? CLIPSEG_ERROR_PARTIAL : 0;
}

static clipseg_status parse(struct fetch *f, int *count, char **arguments, clipseg_error *error)
{
    struct prelabel *p = &f->p;
    const char *format = NULL;
    const struct option options[] = {
        {'o', "output", "DIR", "the folder; default: the data set's name", OPTION_TEXT, &p->output, NULL},
        {'f', "format", "coco", "also write annotations.json in COCO's form", OPTION_TEXT, &format, NULL},
        {0, "labelset", "NAME", "which labels; default ground-truth", OPTION_TEXT, &p->labelset, NULL},
        {0, "status", "LIST", "only labels of these statuses, or all; default LABELED,REVIEWED,VERIFIED",
         OPTION_TEXT, &f->statuses, NULL},
        {0, "filter", "WHAT", "as in prelabel", OPTION_CALL, p, prelabel_add_filter},
        {0, "limit", "N", "at most so many samples", OPTION_SIZE, &p->limit, NULL},
        {'j', "jobs", "N", "samples at the same time; default 4", OPTION_SIZE, &p->jobs, NULL},
        {0, "retries", "N", "as in prelabel", OPTION_SIZE, &p->retries, NULL},
        {0, "timeout", "S", "as in prelabel", OPTION_NUMBER, &p->timeout, NULL},
        {0, "api-url", "URL", "as in prelabel", OPTION_TEXT, &p->api_url, NULL},
        {'q', "quiet", NULL, "no notes, no progress bar", OPTION_FLAG, &p->segment.choice.quiet, NULL},
        {0}};
    const struct usage usage = {
        &command_fetch, "segments [options] OWNER/DATASET",
        "Bring the labels that people corrected on Segments.ai home: images/NAME.jpg as they were uploaded, "
        "labels/NAME.png with the category's id in every pixel (0: unlabelled), categories.json, "
        "samples.jsonl. The key "
        "comes from $SEGMENTS_API_KEY.",
        options};
    clipseg_status status = options_parse(&usage, count, arguments, error);

    f->coco = format != NULL;
    if (!status && format && strcmp(format, "coco") != 0)
        status = error_set(error, CLIPSEG_ERROR_USAGE, "-f %.60s: want coco", format);
    if (!status && (*count != 3 || strcmp(arguments[1], "segments") != 0))
        status = error_set(error, CLIPSEG_ERROR_USAGE, "fetch: want segments OWNER/DATASET");
    if (status)
        return status;
    p->dataset = arguments[2];
    if ((status = prelabel_check(p, error)) == CLIPSEG_OK && !p->output)
        p->output = strchr(p->dataset, '/') + 1;
    return status;
}

static int run(int count, char **arguments)
{
    struct fetch f = {
        .p = {.labelset = "ground-truth", .timeout = CLIENT_STALL_SECONDS, .jobs = 4, .retries = 8},
        .statuses = "LABELED,REVIEWED,VERIFIED"};
    clipseg_error error;
    int code;

    pthread_mutex_init(&f.lock, NULL);
    clipseg_status status = parse(&f, &count, arguments, &error);
    f.p.network.stopped = stopped;
    if (!status)
        status = begin(&f, &error);
    progress_enable(!f.p.segment.choice.quiet);
    if (!status)
        status = run_workers(&f, &error);
    code = !status ? finish(&f, &error) : stopped() ? signals_stop() : fail(&error);
    for (size_t i = 0; f.rows && i < f.samples.count; i++)
        buffer_free(&f.rows[i]);
    free_names(f.names, f.samples.count);
    free_names(f.images, f.samples.count);
    free(f.rows);
    free(f.outcomes);
    free(f.titles);
    segments_samples_free(&f.samples);
    segments_dataset_free(&f.dataset);
    buffer_free(&f.p.metadata);
    pthread_mutex_destroy(&f.lock);
    return code;
}

const struct subcommand command_fetch = {"fetch", "corrected labels back from an annotation service", run};
