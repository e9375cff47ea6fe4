/* sinks.c: a format's file from its first byte to its appearance. */
#include "cli/sinks.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/inputs.h"

/* A writer knows its stream only; the reader of the message wants to know the file. */
static clipseg_status with_path(const struct sink *sink, clipseg_status status, clipseg_error *error)
{
    char reason[512];

    if (status != CLIPSEG_ERROR_IO || !error)
        return status;
    snprintf(reason, sizeof reason, "%.500s", error->text);
    return error_set(error, status, "%s: %s", sink->file.path ? sink->file.path : "stdout", reason);
}

clipseg_status sink_open(struct sink *sink, const struct result *result, const struct format *format,
                         const char *path, clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;

    *sink = (struct sink){.format = format, .open = true};
    sink->output.result = result;
    if (!path) {
        sink->output.stream = open_memstream(&sink->text, &sink->text_size);
        status = sink->output.stream ? CLIPSEG_OK : error_memory(error);
    } else if ((status = make_folders(path, error)) == CLIPSEG_OK &&
               (status = file_write_open(&sink->file, path, error)) == CLIPSEG_OK) {
        sink->output.stream = sink->file.stream;
    }
    if (!status && format->begin)
        status = with_path(sink, format->begin(&sink->output, error), error);
    return status;
}

clipseg_status sink_add(struct sink *sink, const struct answer *answer, clipseg_error *error)
{
    return sink->format->add ? with_path(sink, sink->format->add(&sink->output, answer, error), error)
                             : CLIPSEG_OK;
}

static clipseg_status keep_text(struct sink *sink, struct buffer *text, clipseg_error *error)
{
    bool complete = fclose(sink->output.stream) == 0;

    sink->output.stream = NULL;
    if (!complete)
        return error_memory(error);
    buffer_append(text, sink->text, sink->text_size);
    return CLIPSEG_OK;
}

clipseg_status sink_commit(struct sink *sink, struct buffer *text, clipseg_error *error)
{
    clipseg_status status =
        sink->format->end ? with_path(sink, sink->format->end(&sink->output, error), error) : CLIPSEG_OK;

    if (status)
        return status;
    if (!sink->file.stream)
        return keep_text(sink, text, error);
    sink->output.stream = NULL; /* the commit closes it */
    return file_write_commit(&sink->file, false, error);
}

void sink_close(struct sink *sink)
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

char *sink_file_name(const char *base, const char *name, const char *suffix)
{
    size_t size = strlen(base) + strlen(name) + strlen(suffix) + 2;
    char *path = malloc(size);

    if (path)
        snprintf(path, size, "%s%s%s%s", base, *name ? "." : "", name, suffix);
    return path;
}
