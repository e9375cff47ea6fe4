/* prompts.h: the prompts of a command line: phrases and pictures, in the order given. */
#ifndef CLI_PROMPTS_H
#define CLI_PROMPTS_H

#include <stdbool.h>

#include "clipseg.h"

struct prompt_list {
    struct prompt_item {
        bool is_picture;
        char *value; /* the phrase, or the picture's path */
        const char *title;
    } * items;
    size_t count, capacity;
    float *embeddings;       /* [count, embedding size], once embedded */
    clipseg_prompt *prompts; /* [count]: of the embeddings */
};

/* For options: target is a struct prompt_list. */
clipseg_status prompts_add_text(void *target, const char *value, clipseg_error *error);
clipseg_status prompts_add_picture(void *target, const char *value, clipseg_error *error);
clipseg_status prompts_add_file(void *target, const char *value, clipseg_error *error);

/* Compute every embedding once. Says which phrases are cut. Errors: USAGE (none, or a bad one), IMAGE, IO,
 * MEMORY. */
clipseg_status prompts_embed(struct prompt_list *list, const clipseg_model *model, clipseg_session *session,
                             const clipseg_image_options *options, bool quiet, clipseg_error *error);

void prompts_free(struct prompt_list *list);

#endif
