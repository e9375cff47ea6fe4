/* saved_prompt.h: a prompt as a small file that later runs and other machines use.
 *
 *     {"format": "clipseg-prompt", "version": 1, "title": "a paper cup", "made of": "cup.jpg*0.7 + ...",
 *      "picture": true, "model": [...], "embedding": [...]}
 *
 * `embedding` conditions the decoder. `model` is the model's fingerprint: the beginning of its embedding of
 * one fixed phrase, compared with some tolerance, so that a packed copy of the same model counts as the same.
 */
#ifndef SEGMENT_SAVED_PROMPT_H
#define SEGMENT_SAVED_PROMPT_H

#include <stdbool.h>

#include "base/buffer.h"
#include "clipseg.h"

#define FINGERPRINT_SIZE 32

struct saved_prompt {
    char *title, *recipe;
    bool is_visual;   /* made of a picture, at least in part */
    float *embedding; /* [size] */
    size_t size;
    float fingerprint[FINGERPRINT_SIZE];
    size_t fingerprint_size; /* at most FINGERPRINT_SIZE and the embedding's size */
};

/* name: for messages. Errors: USAGE (no such file's content), MEMORY. */
clipseg_status saved_prompt_read(struct saved_prompt *prompt, const void *data, size_t size, const char *name,
                                 clipseg_error *error);

/* Was it made for the session's model? Errors: MODEL, MEMORY. */
clipseg_status saved_prompt_check(const struct saved_prompt *prompt, clipseg_session *session,
                                  const char *name, clipseg_error *error);

/* Fill in the fingerprint of the session's model. Errors: MEMORY. */
clipseg_status saved_prompt_sign(struct saved_prompt *prompt, clipseg_session *session, clipseg_error *error);

void saved_prompt_write(const struct saved_prompt *prompt, struct buffer *text);

void saved_prompt_free(struct saved_prompt *prompt);

#endif
