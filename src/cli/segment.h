/* segment.h: one run of `clipseg segment`: what was asked, and the objects that answer it. */
#ifndef CLI_SEGMENT_H
#define CLI_SEGMENT_H

#include "cli/command.h"
#include "cli/inputs.h"
#include "cli/prompts.h"
#include "output/output.h"

#define MOST_FORMATS 16
#define PROMPTS_AT_ONCE 4 /* as many as the decoder takes side by side */

struct segment {
    /* the command line */
    struct model_choice choice;
    struct prompt_list prompts;
    const struct format *formats[MOST_FORMATS];
    size_t format_count;
    const char *output, *list, *refine;
    double threshold; /* negative: each format's own */
    size_t input_size, max_pixels;
    bool json;
    bool to_stdout; /* -o - */

    /* the machinery */
    clipseg_model *model;
    clipseg_session *session;
    clipseg_image_options image_options;
    const char **titles; /* [prompts.count] */
    float *logits;       /* [PROMPTS_AT_ONCE, S, S] */
    struct inputs inputs;
};

/* segment_picture.c: one input to all its files. Errors: IO, IMAGE, MEMORY. */
clipseg_status segment_picture(struct segment *segment, const struct input *input, clipseg_error *error);

#endif
