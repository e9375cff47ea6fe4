/* segment_picture.c: one picture: decode, encode, ask for every prompt, write. Answers stream by, so memory
 * holds one mask of the picture's size at a time. */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/segment.h"

/* Where one file's bytes go: to a file that appears whole, or to memory and from there to stdout. */
struct sink {
    struct output output;
    const struct format *format;
    struct file_writer file;
    char *text; /* for stdout */
    size_t text_size;
    bool open;
};

struct picture_run {
    struct segment *segment;
    const struct input *input;
    struct result result;
    struct sink sinks[MOST_FORMATS + 1]; /* formats with one file per picture, and --json */
    size_t sink_count;
    float *probability; /* [height, width], NULL when no format needs it */
};

static clipseg_status sink_open(struct sink *sink, const struct picture_run *run, const struct format *format,
                                const char *path, clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;

    *sink = (struct sink){.format = format, .open = true};
    sink->output.result = &run->result;
    if (!path) {
        sink->output.stream = open_memstream(&sink->text, &sink->text_size);
        status = sink->output.stream ? CLIPSEG_OK : error_memory(error);
    } else if ((status = make_folders(path, error)) == CLIPSEG_OK &&
               (status = file_write_open(&sink->file, path, error)) == CLIPSEG_OK) {
        sink->output.stream = sink->file.stream;
    }
    if (!status && format->begin)
        status = format->begin(&sink->output, error);
    return status;
}

static clipseg_status write_to_stdout(struct sink *sink, clipseg_error *error)
{
    if (fclose(sink->output.stream)) {
        sink->output.stream = NULL;
        return error_memory(error);
    }
    sink->output.stream = NULL;
    if (fwrite(sink->text, 1, sink->text_size, stdout) != sink->text_size || fflush(stdout))
        return error_set(error, CLIPSEG_ERROR_IO, "stdout: cannot be written");
    return CLIPSEG_OK;
}

static clipseg_status sink_commit(struct sink *sink, clipseg_error *error)
{
    clipseg_status status = sink->format->end ? sink->format->end(&sink->output, error) : CLIPSEG_OK;

    if (status)
        return status;
    if (!sink->file.stream)
        return write_to_stdout(sink, error);
    sink->output.stream = NULL; /* the commit closes it */
    return file_write_commit(&sink->file, false, error);
}

static void sink_close(struct sink *sink)
{
    if (!sink->open)
        return;
    output_release(&sink->output);
    if (!sink->file.stream && sink->output.stream)
        fclose(sink->output.stream);
    file_write_abandon(&sink->file);
    free(sink->text);
    *sink = (struct sink){0};
}

/* base + "." + name + suffix; a NULL result means that memory is out. */
static char *file_name(const char *base, const char *name, const char *suffix)
{
    size_t size = strlen(base) + strlen(name) + strlen(suffix) + 2;
    char *path = malloc(size);

    if (path)
        snprintf(path, size, "%s%s%s%s", base, *name ? "." : "", name, suffix);
    return path;
}

static clipseg_status open_named(struct sink *sink, const struct picture_run *run,
                                 const struct format *format, const char *name, clipseg_error *error)
{
    char *path;
    clipseg_status status;

    if (run->segment->to_stdout)
        return sink_open(sink, run, format, NULL, error);
    path = file_name(run->input->base, name, format->suffix);
    status = path ? sink_open(sink, run, format, path, error) : error_memory(error);
    free(path);
    return status;
}

static clipseg_status write_prompt_file(const struct picture_run *run, const struct format *format,
                                        const struct answer *answer, clipseg_error *error)
{
    struct sink sink = {0};
    char slug[64];

    output_slug(slug, answer->prompt, run->result.prompts[answer->prompt]);
    clipseg_status status = open_named(&sink, run, format, slug, error);
    if (!status)
        status = format->add(&sink.output, answer, error);
    if (!status)
        status = sink_commit(&sink, error);
    sink_close(&sink);
    return status;
}

static clipseg_status write_answer(struct picture_run *run, const struct answer *answer, clipseg_error *error)
{
    struct segment *s = run->segment;
    clipseg_status status = CLIPSEG_OK;

    for (size_t i = 0; !status && i < s->format_count; i++)
        if (s->formats[i]->per_prompt)
            status = write_prompt_file(run, s->formats[i], answer, error);
    for (size_t i = 0; !status && i < run->sink_count; i++)
        status = run->sinks[i].format->add(&run->sinks[i].output, answer, error);
    return status;
}

static clipseg_status ask(struct picture_run *run, clipseg_error *error)
{
    struct segment *s = run->segment;
    const clipseg_image *image = run->result.image;
    size_t area = run->result.size * run->result.size;
    clipseg_status status = CLIPSEG_OK;

    for (size_t first = 0; !status && first < s->prompts.count; first += PROMPTS_AT_ONCE) {
        size_t count = size_min(PROMPTS_AT_ONCE, s->prompts.count - first);
        status = clipseg_session_logits(s->session, s->prompts.prompts + first, count, s->logits, error);
        for (size_t i = 0; !status && i < count; i++) {
            struct answer answer = {first + i, s->logits + i * area, run->probability};
            if (run->probability)
                status = clipseg_session_enlarge(s->session, answer.logits, image->width, image->height,
                                                 run->probability, error);
            if (!status)
                status = write_answer(run, &answer, error);
        }
    }
    return status;
}

static clipseg_status open_sinks(struct picture_run *run, clipseg_error *error)
{
    struct segment *s = run->segment;
    clipseg_status status = CLIPSEG_OK;

    for (size_t i = 0; !status && i < s->format_count; i++)
        if (!s->formats[i]->per_prompt)
            status = open_named(&run->sinks[run->sink_count++], run, s->formats[i], "", error);
    if (!status && s->json)
        status = sink_open(&run->sinks[run->sink_count++], run, &format_json, NULL, error);
    return status;
}

static clipseg_status allocate_probability(struct picture_run *run, const clipseg_image *image,
                                           clipseg_error *error)
{
    bool needed = run->segment->json;

    for (size_t i = 0; i < run->segment->format_count; i++)
        needed = needed || run->segment->formats[i]->needs_probability;
    if (!needed)
        return CLIPSEG_OK;
    run->probability = memory_aligned(image->width * image->height, sizeof *run->probability);
    return run->probability ? CLIPSEG_OK : error_memory(error);
}

clipseg_status segment_picture(struct segment *s, const struct input *input, clipseg_error *error)
{
    clipseg_image image = {0};
    struct picture_run run = {.segment = s, .input = input};
    clipseg_status status = input_load(input->path, &s->image_options, &image, error);

    run.result = (struct result){.image_name = input->path,
                                 .image = &image,
                                 .prompt_count = s->prompts.count,
                                 .prompts = s->titles,
                                 .size = clipseg_session_logits_size(s->session),
                                 .threshold = s->threshold >= 0.0 ? (float)s->threshold : 0.5f,
                                 .label_threshold = s->threshold >= 0.0 ? (float)s->threshold : 0.1f};
    if (!status)
        status = clipseg_session_set_image(s->session, &image, error);
    if (!status)
        status = allocate_probability(&run, &image, error);
    if (!status)
        status = open_sinks(&run, error);
    if (!status)
        status = ask(&run, error);
    for (size_t i = 0; !status && i < run.sink_count; i++)
        status = sink_commit(&run.sinks[i], error);
    for (size_t i = 0; i < run.sink_count; i++)
        sink_close(&run.sinks[i]);
    free(run.probability);
    clipseg_image_free(&image);
    return status;
}
