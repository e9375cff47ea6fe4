/* prompts.h: the things a command line looks for, each with its embedding: phrases, pictures, saved prompts.
 */
#ifndef CLI_PROMPTS_H
#define CLI_PROMPTS_H

#include <stdbool.h>

#include "clipseg.h"

#define MOST_TEMPLATES 64

enum prompt_kind {
    PROMPT_TEXT,
    PROMPT_PICTURE, /* a path, perhaps with @REGION */
    PROMPT_SAVED    /* a file that `clipseg prompt` wrote */
};

struct prompt_list {
    struct prompt_item {
        enum prompt_kind kind;
        char *value; /* the phrase, or the path */
        char *title;
        bool is_visual; /* known once embedded: made of a picture, at least in part */
    } * items;
    size_t count, capacity;
    const char *templates[MOST_TEMPLATES]; /* with {} where the phrase goes; none: the phrase alone */
    size_t template_count;
    unsigned prepare;        /* of pictures with a region, from visual_set_prepare; 0: the default */
    float *embeddings;       /* [count, embedding size], once embedded */
    clipseg_prompt *prompts; /* [count]: of the embeddings */
};

/* For options: target is a struct prompt_list. */
clipseg_status prompts_add_text(void *target, const char *value, clipseg_error *error);
clipseg_status prompts_add_picture(void *target, const char *value, clipseg_error *error);
clipseg_status prompts_add_file(void *target, const char *value, clipseg_error *error);
clipseg_status prompts_add_template(void *target, const char *value, clipseg_error *error);

/* Errors: MEMORY. */
clipseg_status prompts_add(struct prompt_list *list, enum prompt_kind kind, const char *value,
                           clipseg_error *error);

/* The number of an equal item that is there already, or of a new one. Errors: MEMORY. */
clipseg_status prompts_find(struct prompt_list *list, enum prompt_kind kind, const char *value,
                            size_t *number, clipseg_error *error);

/* Call `add(target, line)` for every line of a file that is not empty. Errors: IO, USAGE, those of add. */
clipseg_status read_lines(const char *path, clipseg_status (*add)(void *, const char *, clipseg_error *),
                          void *target, clipseg_error *error);

/* Compute every embedding once. Says which phrases are cut. Errors: USAGE (none, or a bad one), IMAGE, IO,
 * MODEL, MEMORY. */
clipseg_status prompts_embed(struct prompt_list *list, const clipseg_model *model, clipseg_session *session,
                             const clipseg_image_options *options, bool quiet, clipseg_error *error);

void prompts_free(struct prompt_list *list);

#endif
