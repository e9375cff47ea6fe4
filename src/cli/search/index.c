/* index.c: `clipseg index`: the vectors of all pictures of a folder, kept up to date. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/embedder.h"
#include "cli/inputs.h"
#include "cli/search/index_model.h"
#include "index/store.h"
#include "index/vector.h"

/* A picture that has to be computed. */
struct todo {
    const char *path;         /* belongs to the inputs */
    const struct stored *old; /* what the index holds of it, or NULL */
    int64_t size, modified;
};

struct index {
    struct model_choice choice;
    const char *output, *list;
    size_t max_pixels;
    bool json;
    char **roots; /* [root_count]: the folders named, absolute: what is gone below them is forgotten */
    size_t root_count;
    struct inputs inputs;
    clipseg_model *model;
    struct index_model facts;
    struct store store;
    struct todo *todo; /* [todo_count] */
    size_t todo_count;
    float *vector;    /* [dimension] */
    char *remembered; /* name of the index's own model */
    size_t added, changed, gone, failed;
    int code; /* of the last failure */
};

/* ---- paths */

/* Absolute, so that the index can be searched from anywhere. The last part of a file's name stays as it is:
 * a link to a picture is a picture of that name. */
static char *absolute(const char *path)
{
    struct stat info;
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) + 1 : 0;
    char *whole = NULL, *result;

    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return realpath(path, NULL);
    if (length >= sizeof folder)
        return NULL;
    snprintf(folder, sizeof folder, "%.*s", (int)length, length ? path : "");
    whole = realpath(length ? folder : ".", NULL);
    if (!whole)
        return NULL;
    size_t size = strlen(whole) + strlen(path + length) + 2;
    result = malloc(size);
    if (result)
        snprintf(result, size, "%s%s%s", whole, whole[1] ? "/" : "", path + length);
    free(whole);
    return result;
}

static clipseg_status replace_by_absolute(char **path, clipseg_error *error)
{
    char *whole;

    if (!strcmp(*path, "-"))
        return error_set(error, CLIPSEG_ERROR_USAGE, "an index holds files; - (stdin) is none");
    if (**path == '/' && !strstr(*path, "/.") && !strstr(*path, "//"))
        return CLIPSEG_OK;
    whole = absolute(*path);
    if (!whole)
        return error_set(error, errno == ENOMEM ? CLIPSEG_ERROR_MEMORY : CLIPSEG_ERROR_IO,
                         "%s: cannot be opened: %s", *path, strerror(errno));
    free(*path);
    *path = whole;
    return CLIPSEG_OK;
}

/* The folders among the operands, and all pictures in them. */
static clipseg_status collect(struct index *x, char **operands, size_t count, clipseg_error *error)
{
    char **paths = memory_zeroed(count, sizeof *paths);
    struct stat info;
    clipseg_status status = CLIPSEG_OK;

    x->roots = paths;
    if (!paths)
        return error_memory(error);
    for (size_t i = 0; !status && i < count; i++) {
        if (stat(operands[i], &info) || !S_ISDIR(info.st_mode))
            continue;
        char *root = realpath(operands[i], NULL);
        if (!root)
            return error_set(error, CLIPSEG_ERROR_IO, "%s: cannot be opened: %s", operands[i],
                             strerror(errno));
        x->roots[x->root_count++] = operands[i] = root;
    }
    status = inputs_collect(&x->inputs, operands, count, x->list, NULL, error);
    for (size_t i = 0; !status && i < x->inputs.count; i++)
        status = replace_by_absolute(&x->inputs.items[i].path, error);
    return status;
}

static bool is_below(const char *path, const char *root)
{
    size_t length = strlen(root);

    return !strncmp(path, root, length) && (path[length] == '/' || (length && root[length - 1] == '/'));
}

/* ---- what has to be done */

static clipseg_status plan_picture(struct index *x, const char *path, clipseg_error *error)
{
    struct stored *old = store_find(&x->store, path);
    struct stat info;

    (void)error;
    if (old && old->seen) /* named twice */
        return CLIPSEG_OK;
    if (old)
        old->seen = true;
    struct todo todo = {.path = path, .old = old, .size = -1};
    if (stat(path, &info) == 0) { /* if not, decoding will say why */
        todo.size = info.st_size;
        todo.modified = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
        if (old && !old->lost && old->size == todo.size && old->modified == todo.modified)
            return CLIPSEG_OK;
    }
    x->todo[x->todo_count++] = todo;
    return CLIPSEG_OK;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct todo *)a)->path, ((const struct todo *)b)->path);
}

/* New pictures that were named twice, too, are done once. */
static void drop_duplicates(struct index *x)
{
    size_t kept = 0;

    qsort(x->todo, x->todo_count, sizeof *x->todo, by_path);
    for (size_t i = 0; i < x->todo_count; i++)
        if (!kept || strcmp(x->todo[kept - 1].path, x->todo[i].path) != 0)
            x->todo[kept++] = x->todo[i];
    x->todo_count = kept;
}

static clipseg_status plan(struct index *x, clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;

    x->todo = memory_zeroed(x->inputs.count, sizeof *x->todo);
    if (!x->todo)
        return error_memory(error);
    for (size_t i = 0; !status && i < x->inputs.count; i++)
        status = plan_picture(x, x->inputs.items[i].path, error);
    drop_duplicates(x);
    for (size_t i = 0; !status && i < x->store.count; i++) {
        const struct stored *record = &x->store.records[i];
        bool below = false;
        for (size_t k = 0; k < x->root_count; k++)
            below = below || is_below(record->path, x->roots[k]);
        if (record->seen || !below)
            continue;
        status = store_forget(&x->store, record, error);
        x->gone++;
    }
    return status ? status : store_commit(&x->store, error);
}

/* ---- doing it */

static clipseg_status take(void *context, size_t index, const float *embedding, const clipseg_error *failure,
                           clipseg_error *error)
{
    struct index *x = context;
    const struct todo *todo = &x->todo[index];
    size_t dimension = x->facts.dimension;
    double square = embedding ? vector_product(embedding, embedding, dimension) : 0.0;

    if (failure) {
        progress_end();
        x->code = fail(failure);
        x->failed++;
        return todo->old ? store_forget(&x->store, todo->old, error) : CLIPSEG_OK;
    }
    if (!isfinite(square))
        return error_set(error, CLIPSEG_ERROR_MODEL, "%s: the model gives no finite vector", todo->path);
    memcpy(x->vector, embedding, dimension * sizeof *x->vector);
    vector_normalize(x->vector, dimension);
    if (todo->old)
        x->changed++;
    else
        x->added++;
    return store_put(&x->store, todo->old, todo->path, todo->size, todo->modified, x->vector, error);
}

static clipseg_status work(struct index *x, clipseg_error *error)
{
    struct embedder embedder = {
        .model = x->model, .count = x->todo_count, .threads = x->choice.threads, .take = take, .context = x};
    const char **paths = memory_zeroed(x->todo_count, sizeof *paths);
    clipseg_status status;

    if (!paths)
        return error_memory(error);
    for (size_t i = 0; i < x->todo_count; i++)
        paths[i] = x->todo[i].path;
    embedder.paths = paths;
    clipseg_image_options_default(&embedder.image_options);
    if (x->max_pixels)
        embedder.image_options.max_pixels = x->max_pixels;
    progress_enable(!x->choice.quiet);
    status = embedder_run(&embedder, error);
    free(paths);
    return status ? status : store_commit(&x->store, error);
}

static clipseg_status report(struct index *x, clipseg_error *error)
{
    size_t looked_at = x->added + x->changed + x->failed;
    uint64_t count = 0;
    char rate[PROGRESS_RATE];
    clipseg_status status = database_count(x->store.database, &count, error);

    if (status)
        return status;
    progress_rate(rate, looked_at);
    if (x->json)
        printf("{\"pictures\": %llu, \"new\": %zu, \"changed\": %zu, \"gone\": %zu, \"failed\": %zu}\n",
               (unsigned long long)count, x->added, x->changed, x->gone, x->failed);
    else if (!x->failed || x->inputs.is_batch)
        note(x->choice.quiet, "%s: %llu pictures; %zu new, %zu changed, %zu gone, %zu failed%s%s", x->output,
             (unsigned long long)count, x->added, x->changed, x->gone, x->failed, looked_at ? "; " : "",
             looked_at ? rate : "");
    return stdout_flush(error);
}

/* ---- the command */

static clipseg_status parse(struct index *x, int *count, char **arguments, clipseg_error *error)
{
    const struct option options[] = {
        {'m', "model", "MODEL", "as in segment; a plain CLIP model will do", OPTION_TEXT, &x->choice.model,
         NULL},
        {0, "pull", NULL, "as in segment", OPTION_FLAG, &x->choice.pull, NULL},
        {'o', "output", "FILE", "the index, made when missing; its vectors lie beside it in FILE.vectors",
         OPTION_TEXT, &x->output, NULL},
        {0, "files-from", "FILE", "more pictures, one path per line; - reads stdin", OPTION_TEXT, &x->list,
         NULL},
        {0, "max-pixels", "N", "refuse larger pictures; default 178956970", OPTION_SIZE, &x->max_pixels,
         NULL},
        {'t', "threads", "N", "as in segment", OPTION_SIZE, &x->choice.threads, NULL},
        {0, "cpu", "NAME", "as in segment", OPTION_TEXT, &x->choice.cpu, NULL},
        {0, "json", NULL, "print one line of JSON: how many pictures there are, new, changed, gone, failed",
         OPTION_FLAG, &x->json, NULL},
        {'q', "quiet", NULL, "no notes, no progress bar", OPTION_FLAG, &x->choice.quiet, NULL},
        {0}};
    const struct usage usage = {
        &command_index, "[options] DIR|IMAGE ... -o FILE",
        "Build or refresh an index for clipseg search. Only new and changed pictures are looked at; what is "
        "no "
        "longer in the folders named is forgotten. It may be interrupted in any way and goes on from there.",
        options};

    return options_parse(&usage, count, arguments, error);
}

/* An index that is there goes on with the model that it was built with. */
static clipseg_status remember_model(struct index *x, clipseg_error *error)
{
    struct database *database = NULL;

    /* What cannot be read yet, or at all, is made or refused when the store is opened. */
    if (x->choice.model || access(x->output, F_OK) != 0 || database_open(&database, x->output, NULL))
        return CLIPSEG_OK;
    const char *model = database_facts(database)->model;
    x->choice.model = x->remembered = memory_string(model, strlen(model));
    database_close(&database);
    return x->remembered ? CLIPSEG_OK : error_memory(error);
}

static clipseg_status begin(struct index *x, int count, char **arguments, clipseg_error *error)
{
    clipseg_status status = parse(x, &count, arguments, error);

    if (!status && !x->output)
        status = error_set(error, CLIPSEG_ERROR_USAGE, "say where the index is to be: -o photos.db");
    if (!status && !strcmp(x->output, "-"))
        status = error_set(error, CLIPSEG_ERROR_USAGE, "-o -: an index is two files, stdout is none");
    if (!status)
        status = collect(x, arguments + 1, (size_t)count - 1, error);
    if (!status)
        status = remember_model(x, error);
    if (status || (status = model_choose(&x->model, &x->choice, error)) != CLIPSEG_OK ||
        (status = index_model_measure(&x->facts, x->model, &x->choice, true, error)) != CLIPSEG_OK)
        return status;
    x->vector = memory_aligned(x->facts.dimension, sizeof *x->vector);
    if (!x->vector)
        return error_memory(error);
    struct database_facts facts = {.model = x->facts.name,
                                   .dimension = x->facts.dimension,
                                   .text = x->facts.text,
                                   .picture = x->facts.picture};
    if (getrandom(&facts.identity, sizeof facts.identity, 0) != sizeof facts.identity)
        return error_set(error, CLIPSEG_ERROR_IO, "no random numbers: %s", strerror(errno));
    facts.identity &= INT64_MAX;
    if ((status = make_folders(x->output, error)) != CLIPSEG_OK)
        return status;
    status = store_open(&x->store, x->output, &facts, error);
    if (!status)
        status = index_model_check(&x->facts, database_facts(x->store.database), true, x->output, error);
    return status ? status : plan(x, error);
}

static int run(int count, char **arguments)
{
    struct index x = {.store = {.vectors = {.descriptor = -1}}};
    clipseg_error error;
    int code = begin(&x, count, arguments, &error) || work(&x, &error) || report(&x, &error) ? fail(&error)
                                                                                             : signals_stop();

    if (!code && x.failed)
        code = x.inputs.is_batch ? CLIPSEG_ERROR_PARTIAL : x.code;
    store_close(&x.store);
    inputs_free(&x.inputs);
    for (size_t i = 0; i < x.root_count; i++)
        free(x.roots[i]);
    free(x.roots);
    free(x.todo);
    free(x.vector);
    free(x.remembered);
    index_model_free(&x.facts);
    clipseg_model_close(&x.model);
    return code;
}

const struct subcommand command_index = {"index", "build or refresh an index of pictures for search", run};
