/* inputs.h: the pictures that a command line names, and where their results go. */
#ifndef CLI_INPUTS_H
#define CLI_INPUTS_H

#include <stdbool.h>

#include "clipseg.h"

struct input {
    char *path; /* to open; "-" for stdin */
    char *base; /* results are called base + suffix */
    char *name; /* what a data set calls it: with an output folder the path below the folder that was named,
                   else the path as given */
};

struct inputs {
    struct input *items; /* [count], in the order of the command line, folders sorted by name */
    size_t count, capacity;
    bool is_batch; /* several operands, or a folder: one bad picture does not stop the others */
};

/* operands: files, folders (recursive; pictures by content), "-". list: a file with one path per line, or
 * NULL. output: the folder of -o, NULL for beside the inputs. Errors:
 * USAGE, IO, IMAGE (a folder without pictures), MEMORY. */
clipseg_status inputs_collect(struct inputs *inputs, char **operands, size_t count, const char *list,
                              const char *output, clipseg_error *error);

/* Two inputs whose results would have one name are an error. Errors: USAGE, MEMORY. */
clipseg_status inputs_check_names(const struct inputs *inputs, clipseg_error *error);

/* The paths alone: [count], to be freed; what they point to belongs to the inputs. NULL: memory is out, as
 * `error` says. */
const char **inputs_paths(const struct inputs *inputs, clipseg_error *error);

void inputs_free(struct inputs *inputs);

/* Decode the picture at a path of the inputs, or on stdin. Errors: IO, IMAGE, MEMORY. */
clipseg_status input_load(const char *path, const clipseg_image_options *options, clipseg_image *image,
                          clipseg_error *error);

#endif
