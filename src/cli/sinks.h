/* sinks.h: where one file's bytes go: to a file that appears whole, or to memory, for stdout. */
#ifndef CLI_SINKS_H
#define CLI_SINKS_H

#include "base/buffer.h"
#include "base/file.h"
#include "output/output.h"

struct sink {
    struct output output;
    const struct format *format;
    struct file_writer file;
    char *text; /* without a file */
    size_t text_size;
    bool open;
};

/* Start a file of a format. path: NULL for memory. Errors: IO, MEMORY, and the format's own. */
clipseg_status sink_open(struct sink *sink, const struct result *result, const struct format *format,
                         const char *path, clipseg_error *error);

/* One answer more. */
clipseg_status sink_add(struct sink *sink, const struct answer *answer, clipseg_error *error);

/* End the format and make the file appear; what went to memory is appended to `text` (NULL with a path). */
clipseg_status sink_commit(struct sink *sink, struct buffer *text, clipseg_error *error);

/* After a commit, or instead of it: nothing is left over. Harmless on a cleared one. */
void sink_close(struct sink *sink);

/* base + "." + name + suffix, without the dot when the name is empty; NULL: memory is out. */
char *sink_file_name(const char *base, const char *name, const char *suffix);

#endif
