/* inputs.h: the pictures that a command line names, and where their results go. */
#ifndef CLI_INPUTS_H
#define CLI_INPUTS_H

#include <stdbool.h>

#include "clipseg.h"

struct input {
    char *path;    /* to open; "-" for stdin */
    char *base;    /* results are called base + suffix */
    char *name;    /* what a data set calls it: with an output folder as `below`, else the path as given */
    size_t number; /* its position among all inputs, whatever part of them is worked on; from 1 */
    const char *below; /* the end of `path`: below the folder that was named, or the file's name alone */
};

struct inputs {
    struct input *items; /* [count], in the order of the command line, folders sorted by name */
    size_t count, capacity;
    bool is_batch; /* several operands, or a folder: one bad picture does not stop the others */
};

/* operands: files, folders (recursive; pictures by content, but neither those in the folder of -o nor results
 * that lie beside their pictures), "-". list: a file with one path per line, or NULL. output: the folder of
 * -o, NULL for beside the inputs. Errors: USAGE, IO, IMAGE (a folder without pictures), MEMORY. */
clipseg_status inputs_collect(struct inputs *inputs, char **operands, size_t count, const char *list,
                              const char *output, clipseg_error *error);

/* Two inputs whose results would have one name are an error. Errors: USAGE, MEMORY. */
clipseg_status inputs_check_names(const struct inputs *inputs, clipseg_error *error);

/* The paths alone: [count], to be freed; what they point to belongs to the inputs. NULL: memory is out, as
 * `error` says. */
const char **inputs_paths(const struct inputs *inputs, clipseg_error *error);

/* The I-th of N parts: --shard. count 0: all of it. */
struct shard {
    size_t number, count; /* 1..count */
};

/* For options: "2/5"; target is a struct shard. */
clipseg_status shard_parse(void *target, const char *value, clipseg_error *error);

/* Does what is called so belong to this part? */
bool shard_has(const struct shard *shard, const char *name);

/* Drop the other parts' pictures. The part follows from the picture's name alone: it is the same whatever
 * else lies in the folder, wherever the folder lies, and on every machine. */
void inputs_keep_shard(struct inputs *inputs, const struct shard *shard);

/* The folder in which all results lie: `output`, else the deepest one above all of them ("." may be it);
 * owned by the caller. NULL when it may not be written to. */
char *inputs_folder(const struct inputs *inputs, const char *output);

void inputs_free(struct inputs *inputs);

/* Decode the picture at a path of the inputs, or on stdin. Errors: IO, IMAGE, MEMORY. */
clipseg_status input_load(const char *path, const clipseg_image_options *options, clipseg_image *image,
                          clipseg_error *error);

#endif
