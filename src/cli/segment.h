/* segment.h: one run of `clipseg segment`: what was asked, and the objects that answer it; and one picture on
 * its way through. */
#ifndef CLI_SEGMENT_H
#define CLI_SEGMENT_H

#include "base/pool.h"
#include "cli/batch.h"
#include "cli/command.h"
#include "cli/inputs.h"
#include "cli/query.h"
#include "cli/refine_choice.h"
#include "cli/sinks.h"
#include "cli/video.h"
#include "kernels/kernels.h"
#include "output/output.h"
#include "segment/label_map.h"
#include "segment/refine/labels.h"
#include "segment/shape.h"

#define MOST_FORMATS 32

struct segment {
    /* the command line */
    struct model_choice choice;
    struct query prompts;
    struct shape_options shape;
    struct label_rule labels; /* its threshold is set with the others */
    const struct format *formats[MOST_FORMATS];
    size_t format_count;
    const char *output, *list;
    clipseg_refine_options refine;
    uint8_t cutout_colour[3];
    bool cutout_on_colour;
    double threshold; /* negative: each format's own */
    double tolerance;
    double band, min_presence;
    size_t input_size, max_pixels;
    bool json;
    bool to_stdout; /* -o - */
    size_t jobs;
    struct shard shard;
    bool skip_existing;
    struct video_choice video;
    bool want_presence;
    bool want_labels; /* make a label map even when no format asks for one */

    /* the machinery */
    clipseg_model *model;
    const struct kernels *kernels; /* the model's */
    struct batch_plan plan;
    clipseg_session **sessions; /* [plan.workers] */
    struct pool **pools;        /* [plan.workers], for writing */
    clipseg_image_options image_options;
    const char **titles;         /* [prompts.count] */
    struct category *categories; /* [prompts.count] */
    struct inputs inputs;
    bool *done; /* [inputs.count] for the files that speak of all pictures */
};

/* Where the files lie that speak of all pictures: -o, else the current folder. */
const char *dataset_folder(const struct segment *segment);

/* What does not depend on the pictures: model, sessions for `pictures` of them, prompts. Call segment_release
 * in any case. Errors: USAGE, MODEL, IO, IMAGE, MEMORY. */
clipseg_status segment_prepare(struct segment *segment, size_t pictures, clipseg_error *error);
void segment_release(struct segment *segment);

/* ---- segment_picture.c: decode, compute, write. The three steps of one job follow each other; jobs of
 * different workers may run at the same time. */

struct picture_job {
    struct segment *segment;
    clipseg_session *session; /* the worker's */
    struct pool *pool;
    struct buffer *text; /* what goes to stdout is appended here */
    const struct input *input;
    clipseg_image image;
    struct result result;
    float threshold;              /* what counts as inside, before masks are reshaped */
    struct query_answers answers; /* those before its `first` are written already */
    float *probability;           /* [height, width], NULL when no format needs it */
    uint8_t *alpha;               /* [height, width], likewise */
    clipseg_refiner *refiner;
    struct label_map labels;
    struct label_margins margins;        /* of a refined label map */
    struct sink sinks[MOST_FORMATS + 1]; /* formats with one file per picture, and --json */
    size_t sink_count;
    bool writing, masks_wanted; /* masks of single prompts, not only the label map */
};

/* A job whose picture the caller puts in; it may exchange session and pool for others. */
void picture_begin(struct picture_job *job, struct segment *segment, size_t worker, const struct input *input,
                   struct buffer *text);

/* Load the picture. The job is valid (for picture_free) whatever the result; it must stay where it is.
 * Errors: IO, IMAGE, MEMORY. */
clipseg_status picture_decode(struct picture_job *job, struct segment *segment, size_t worker,
                              const struct input *input, struct buffer *text, clipseg_error *error);

/* Image tower, decoder. Uses the session. Of very many prompts the early ones are written here. */
clipseg_status picture_compute(struct picture_job *job, clipseg_error *error);

/* Enlarge and write what is left, then let the files appear. Afterwards job->labels.labels is the finished
 * label map, if there is one. */
clipseg_status picture_write(struct picture_job *job, clipseg_error *error);

/* In any case, at the end. */
void picture_free(struct picture_job *job);

/* All of it. Errors: IO, IMAGE, MEMORY. */
clipseg_status segment_picture(struct segment *segment, size_t worker, const struct input *input,
                               struct buffer *text, clipseg_error *error);

/* The same with a picture that is there already; it is freed. */
clipseg_status segment_image(struct segment *segment, size_t worker, const struct input *input,
                             clipseg_image *image, struct buffer *text, clipseg_error *error);

/* A picture's text to stdout. Errors: IO. */
clipseg_status segment_print(const struct buffer *text, clipseg_error *error);

/* Are all files that this writes for the picture there? */
bool segment_exists(const struct segment *segment, const struct input *input);

#endif
