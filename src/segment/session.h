/* session.h: what a session consists of: one picture's features, the known prompts, the workspace. One thread
 * each. */
#ifndef SEGMENT_SESSION_H
#define SEGMENT_SESSION_H

#include "model/decoder.h"
#include "model/text_tower.h"
#include "model/vision_tower.h"
#include "segment/prompt_cache.h"

struct clipseg_session {
    const clipseg_model *model;
    struct pool *pool;
    struct stages stages;
    struct compute compute; /* points to the three above */
    struct arena arena;
    struct vision_tower vision;
    struct text_tower text;
    struct decoder decoder;

    bool has_image;
    clipseg_image image; /* the current picture; its memory is the caller's */
    clipseg_refine refine;
    clipseg_refiner *refiner; /* of the current picture, made when first needed */
    float *reduced;           /* its features: [extract_count][rows, reduce] */

    struct prompt_cache cache;
    int32_t *ids;            /* [text.max_rows]: the tokens of a batch of new texts */
    size_t *lengths;         /* [text.max_sequences] */
    size_t *pending;         /* [text.max_sequences]: which prompts they belong to */
    float *text_embeddings;  /* [text.max_sequences, projection] */
    float *image_embeddings; /* [vision.batch, projection] */

    bool wants_picture_embedding;
    float *picture_embedding; /* [projection]: of the current picture, when wanted */

    float *embeddings; /* [DECODER_BATCH, projection] */
    float *logits;     /* [DECODER_BATCH, side, side] */
};

/* prompts.c: embeddings: [count, projection]. Errors: USAGE, MEMORY. */
clipseg_status session_embed(struct clipseg_session *session, const clipseg_prompt *prompts, size_t count,
                             float *embeddings, clipseg_error *error);

#endif
