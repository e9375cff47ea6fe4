/* segment.h: one run of `clipseg segment`: what was asked, and the objects that answer it; and one picture on
 * its way through. */
#ifndef CLI_SEGMENT_H
#define CLI_SEGMENT_H

#include <pthread.h>

#include "base/pool.h"
#include "cli/command.h"
#include "cli/inputs.h"
#include "cli/prompts.h"
#include "cli/sinks.h"
#include "kernels/kernels.h"
#include "output/output.h"
#include "segment/label_map.h"

#define MOST_FORMATS 32
#define ANSWERS_AT_ONCE 32 /* logits that a picture's job keeps */

struct segment {
    /* the command line */
    struct model_choice choice;
    struct prompt_list prompts;
    const struct format *formats[MOST_FORMATS];
    size_t format_count;
    const char *output, *list, *refine;
    double threshold; /* negative: each format's own */
    double tolerance;
    size_t input_size, max_pixels;
    bool json;
    bool to_stdout;   /* -o - */
    bool want_labels; /* make a label map even when no format asks for one */

    /* the machinery */
    clipseg_model *model;
    clipseg_session *session;
    const struct kernels *kernels; /* the model's */
    struct pool *pool;             /* for writing, beside the session's */
    pthread_mutex_t write_lock;    /* around `pool` */
    clipseg_image_options image_options;
    const char **titles;         /* [prompts.count] */
    struct category *categories; /* [prompts.count] */
    struct inputs inputs;
    bool *done; /* [inputs.count] for the files that speak of all pictures */
};

/* Where the files lie that speak of all pictures: -o, else the current folder. */
const char *dataset_folder(const struct segment *segment);

/* What does not depend on the pictures: model, session, prompts. Call segment_release in any case. Errors:
 * USAGE, MODEL, IO, IMAGE, MEMORY. */
clipseg_status segment_prepare(struct segment *segment, clipseg_error *error);
void segment_release(struct segment *segment);

/* ---- segment_picture.c: decode, compute, write. The three steps of one job follow each other; steps of
 * different jobs may run at the same time in different threads, one of each kind. */

struct picture_job {
    struct segment *segment;
    const struct input *input;
    clipseg_image image;
    struct result result;
    float *logits;       /* [at most ANSWERS_AT_ONCE, S, S]: those of answers first .. first + count - 1 */
    size_t first, count; /* answers before `first` are written already */
    float *probability;  /* [height, width], NULL when no format needs it */
    struct label_map labels;
    struct sink sinks[MOST_FORMATS + 1]; /* formats with one file per picture, and --json */
    size_t sink_count;
    bool writing;
};

/* Load the picture. The job is valid (for picture_free) whatever the result; it must stay where it is.
 * Errors: IO, IMAGE, MEMORY. */
clipseg_status picture_decode(struct picture_job *job, struct segment *segment, const struct input *input,
                              clipseg_error *error);

/* Image tower, decoder. Uses the session. Of very many prompts the early ones are written here. */
clipseg_status picture_compute(struct picture_job *job, clipseg_error *error);

/* Enlarge and write what is left, then let the files appear. Afterwards job->labels.labels is the finished
 * label map, if there is one. */
clipseg_status picture_write(struct picture_job *job, clipseg_error *error);

/* In any case, at the end. */
void picture_free(struct picture_job *job);

/* All of it. Errors: IO, IMAGE, MEMORY. */
clipseg_status segment_picture(struct segment *segment, const struct input *input, clipseg_error *error);

#endif
