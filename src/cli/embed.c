/* embed.c: `clipseg embed`: CLIP's vectors of pictures or texts, for other programs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/embedder.h"
#include "cli/inputs.h"
#include "cli/prompts.h"
#include "index/vector.h"
#include "output/npy.h"
#include "segment/session.h"

#define TEXTS_AT_ONCE 64

struct embed {
    struct model_choice choice;
    struct prompt_list texts;
    struct inputs inputs;
    const char *list, *output;
    size_t max_pixels, rows, failed;
    bool raw, npy;
    int code; /* of the last failure */
    clipseg_model *model;
    size_t dimension;
    float *vector;            /* [dimension] */
    struct file_writer file;  /* -o */
    struct file_writer names; /* beside an array: what each row is */
};

/* ---- writing */

/* The number of rows is known at the end, so the header is written twice; both fill 128 bytes. */
static void write_header(const struct embed *e)
{
    struct buffer header = {0};

    npy_header(&header, "<f4", (const size_t[]){e->rows, e->dimension}, 2);
    if (header.data)
        fwrite(header.data, 1, header.size, e->file.stream);
    buffer_free(&header);
}

static clipseg_status write_json(const struct embed *e, const char *kind, const char *name, FILE *stream,
                                 clipseg_error *error)
{
    struct buffer line = {0};

    buffer_format(&line, "{\"%s\": ", kind);
    buffer_json_string(&line, name);
    buffer_text(&line, ", \"embedding\": [");
    for (size_t i = 0; i < e->dimension; i++)
        buffer_format(&line, "%s%.9g", i ? ", " : "", (double)e->vector[i]);
    buffer_text(&line, "]}\n");
    clipseg_status status = line.failed ? error_memory(error) : CLIPSEG_OK;
    if (!status && fwrite(line.data, 1, line.size, stream) != line.size)
        status =
            error_set(error, CLIPSEG_ERROR_IO, "%s: cannot be written", e->output ? e->output : "stdout");
    buffer_free(&line);
    return status;
}

/* One row per line of the list, whatever a name contains. */
static void write_name(FILE *stream, const char *name)
{
    for (; *name; name++)
        fputc(*name == '\n' || *name == '\r' ? '?' : *name, stream);
    fputc('\n', stream);
}

static clipseg_status write_vector(struct embed *e, const char *kind, const char *name,
                                   const float *embedding, clipseg_error *error)
{
    memcpy(e->vector, embedding, e->dimension * sizeof *embedding);
    if (!e->raw)
        vector_normalize(e->vector, e->dimension);
    e->rows++;
    if (!e->npy)
        return write_json(e, kind, name, e->file.stream ? e->file.stream : stdout, error);
    write_name(e->names.stream, name);
    if (fwrite(e->vector, sizeof *e->vector, e->dimension, e->file.stream) != e->dimension)
        return error_set(error, CLIPSEG_ERROR_IO, "%s: cannot be written", e->output);
    return CLIPSEG_OK;
}

/* "vectors.npy" gets "vectors.txt" beside it. */
static clipseg_status open_names(struct embed *e, clipseg_error *error)
{
    size_t length = strlen(e->output);
    char *path = memory_string(e->output, length);
    clipseg_status status;

    if (!path)
        return error_memory(error);
    memcpy(path + length - 4, ".txt", 4);
    status = file_write_open(&e->names, path, error);
    free(path);
    return status;
}

static clipseg_status open_output(struct embed *e, clipseg_error *error)
{
    clipseg_status status;

    if (!e->output || !strcmp(e->output, "-"))
        return CLIPSEG_OK;
    if ((status = make_folders(e->output, error)) != CLIPSEG_OK ||
        (status = file_write_open(&e->file, e->output, error)) != CLIPSEG_OK || !e->npy)
        return status;
    write_header(e);
    return open_names(e, error);
}

static clipseg_status close_output(struct embed *e, clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;

    if (!e->file.stream)
        return stdout_flush(error);
    if (e->npy) {
        if (fseek(e->file.stream, 0, SEEK_SET))
            return error_set(error, CLIPSEG_ERROR_IO, "%s: an array needs a regular file", e->output);
        write_header(e);
        status = file_write_commit(&e->names, false, error);
    }
    return status ? status : file_write_commit(&e->file, false, error);
}

/* ---- computing */

static clipseg_status embed_texts(struct embed *e, clipseg_error *error)
{
    clipseg_prompt prompts[TEXTS_AT_ONCE];
    clipseg_session_options options;
    clipseg_session *session = NULL;
    float *embeddings = memory_aligned(TEXTS_AT_ONCE * e->dimension, sizeof *embeddings);
    clipseg_status status = embeddings ? CLIPSEG_OK : error_memory(error);

    clipseg_session_options_default(&options);
    options.threads = e->choice.threads;
    if (!status)
        status = clipseg_session_create(&session, e->model, &options, error);
    for (size_t i = 0; !status && i < e->texts.count && !signals_stop(); i += TEXTS_AT_ONCE) {
        size_t count = size_min(TEXTS_AT_ONCE, e->texts.count - i);
        for (size_t k = 0; k < count; k++)
            prompts[k] = clipseg_text(e->texts.items[i + k].value);
        status = session_embed(session, prompts, count, embeddings, error);
        for (size_t k = 0; !status && k < count; k++)
            status = write_vector(e, "text", prompts[k].text, embeddings + k * e->dimension, error);
        progress_show(i + count, e->texts.count, "texts");
    }
    progress_end();
    clipseg_session_close(&session);
    free(embeddings);
    return status;
}

static clipseg_status take_picture(void *context, size_t index, const float *embedding,
                                   const clipseg_error *failure, clipseg_error *error)
{
    struct embed *e = context;

    if (!failure)
        return write_vector(e, "image", e->inputs.items[index].path, embedding, error);
    progress_end();
    e->code = fail(failure);
    e->failed++;
    return CLIPSEG_OK;
}

static clipseg_status embed_pictures(struct embed *e, clipseg_error *error)
{
    struct embedder embedder = {.model = e->model,
                                .count = e->inputs.count,
                                .threads = e->choice.threads,
                                .take = take_picture,
                                .context = e};
    const char **paths = inputs_paths(&e->inputs, error);
    clipseg_status status;

    if (!paths)
        return CLIPSEG_ERROR_MEMORY;
    embedder.paths = paths;
    clipseg_image_options_default(&embedder.image_options);
    if (e->max_pixels)
        embedder.image_options.max_pixels = e->max_pixels;
    status = embedder_run(&embedder, error);
    free(paths);
    return status;
}

/* ---- the command */

static clipseg_status parse(struct embed *e, int *count, char **arguments, clipseg_error *error)
{
    const struct option options[] = {
        {'m', "model", "MODEL", "as in segment; a plain CLIP model will do", OPTION_TEXT, &e->choice.model,
         NULL},
        {0, "pull", NULL, "as in segment", OPTION_FLAG, &e->choice.pull, NULL},
        {'p', "prompt", "TEXT", "a text, in place of pictures; repeatable", OPTION_CALL, &e->texts,
         prompts_add_text},
        {0, "prompts", "FILE", "texts from a file, one per line", OPTION_CALL, &e->texts, prompts_add_file},
        {'o', "output", "FILE",
         "FILE.npy: a float32 array, one row each, and FILE.txt with what the rows are; any other "
         "name: JSON lines; default: JSON lines on stdout",
         OPTION_TEXT, &e->output, NULL},
        {0, "raw", NULL, "as the model gives them; default: scaled to length 1", OPTION_FLAG, &e->raw, NULL},
        {0, "files-from", "FILE", "more pictures, one path per line; - reads stdin", OPTION_TEXT, &e->list,
         NULL},
        {0, "max-pixels", "N", "refuse larger pictures; default 178956970", OPTION_SIZE, &e->max_pixels,
         NULL},
        {'t', "threads", "N", "as in segment", OPTION_SIZE, &e->choice.threads, NULL},
        {0, "cpu", "NAME", "as in segment", OPTION_TEXT, &e->choice.cpu, NULL},
        {'q', "quiet", NULL, "no notes, no progress bar", OPTION_FLAG, &e->choice.quiet, NULL},
        {0}};
    const struct usage usage = {
        &command_embed, "[options] IMAGE|DIR|- ... | -p TEXT ...",
        "Write CLIP's vectors of pictures or of texts. The cosine of two says how well "
        "they fit; with vectors of length 1 that is their product.",
        options};

    return options_parse(&usage, count, arguments, error);
}

static clipseg_status begin(struct embed *e, int count, char **arguments, clipseg_error *error)
{
    clipseg_model_info info;
    clipseg_status status = parse(e, &count, arguments, error);
    bool pictures = count > 1 || e->list;

    if (status)
        return status;
    size_t length = e->output ? strlen(e->output) : 0;
    e->npy = length > 4 && !strcmp(e->output + length - 4, ".npy");
    if (pictures && e->texts.count)
        return error_set(error, CLIPSEG_ERROR_USAGE, "either pictures or texts, not both at once");
    if (!e->texts.count)
        status = inputs_collect(&e->inputs, arguments + 1, (size_t)count - 1, e->list, NULL, error);
    if (status || (status = model_choose(&e->model, &e->choice, error)) != CLIPSEG_OK)
        return status;
    clipseg_model_get_info(e->model, &info);
    e->dimension = info.embedding_size;
    e->vector = memory_aligned(e->dimension, sizeof *e->vector);
    return e->vector ? open_output(e, error) : error_memory(error);
}

static clipseg_status work(struct embed *e, clipseg_error *error)
{
    clipseg_status status;

    progress_enable(!e->choice.quiet && e->inputs.count + e->texts.count > 1);
    status = e->texts.count ? embed_texts(e, error) : embed_pictures(e, error);
    if (!status && !signals_stop() && (e->rows || e->inputs.is_batch))
        status = close_output(e, error);
    if (!status && !signals_stop() && e->inputs.is_batch)
        progress_summary(e->choice.quiet, e->rows, e->failed, 0);
    return status;
}

static int run(int count, char **arguments)
{
    struct embed e = {0};
    clipseg_error error;
    int code = begin(&e, count, arguments, &error) || work(&e, &error) ? fail(&error) : signals_stop();

    if (!code && e.failed)
        code = e.inputs.is_batch ? CLIPSEG_ERROR_PARTIAL : e.code;
    file_write_abandon(&e.names);
    file_write_abandon(&e.file);
    inputs_free(&e.inputs);
    prompts_free(&e.texts);
    free(e.vector);
    clipseg_model_close(&e.model);
    return code;
}

const struct subcommand command_embed = {"embed", "CLIP's vectors of pictures or texts", run};
