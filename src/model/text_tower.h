/* text_tower.h: token ids to CLIP's text embeddings. */
#ifndef MODEL_TEXT_TOWER_H
#define MODEL_TEXT_TOWER_H

#include "model/model.h"

/* Called with the hidden states after every layer (0: the input of the first one); for tests. */
typedef void layer_observer(void *context, size_t layer, const float *hidden, size_t stride, size_t rows);

struct text_tower {
    size_t max_rows, max_sequences; /* tokens and prompts that fit into one pass */
    float *hidden, *pooled;
    struct block_scratch block;
    size_t *starts; /* [max_sequences + 1] */
    size_t *ends;   /* [max_sequences] rows of the end tokens */
    layer_observer *observer;
    void *observer_context;
};

/* Plan or take the workspace. */
void text_tower_take(struct text_tower *tower, struct arena *arena, const struct config *config,
                     size_t threads);

/* How many of the ids the tower has to see: everything behind the token that is pooled has no influence
 * (causal). */
size_t text_tower_length(const struct config *config, const int32_t *ids, size_t count);

/* Several prompts at once. ids: all tokens, one prompt after the other; lengths: [sequences], each as
 * text_tower_length says. embeddings: [sequences, projection]. */
void text_tower_apply(struct text_tower *tower, const struct clipseg_model *model,
                      const struct compute *compute, const int32_t *ids, const size_t *lengths,
                      size_t sequences, float *embeddings);

#endif
