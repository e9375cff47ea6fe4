/* vision_tower.h: pixels to the activations that the decoder reads, and to CLIP's image embedding. */
#ifndef MODEL_VISION_TOWER_H
#define MODEL_VISION_TOWER_H

#include "model/model.h"
#include "model/text_tower.h"

#define VISION_MOST_PICTURES 16 /* the largest batch */

struct vision_tower {
    size_t side, grid, rows; /* input pixels and patches per side; tokens of a picture: 1 + grid^2 */
    size_t batch;            /* pictures that fit into one pass */
    float *position;         /* [rows, hidden], interpolated for this side; filled by vision_tower_prepare */
    float *pixels;           /* [batch][3, side, side]: the input; written by preprocess_apply */
    float *patches;          /* [batch * grid^2, 3 * patch^2] */
    float *hidden;           /* [batch * rows, hidden]: the tokens of one picture after the other */
    float *pooled;           /* [batch, hidden]: the class tokens */
    struct block_scratch block;
    layer_observer *observer;
    void *observer_context;
};

/* Plan or take the workspace for inputs of side * side pixels. Small inputs go through the tower several at
 * once, so that its matrix products are large enough to run at full speed. Returns the place in the arena
 * from which on nothing is kept between passes. */
size_t vision_tower_take(struct vision_tower *tower, struct arena *arena, const struct config *config,
                         size_t side, size_t threads);

/* Once after taking: interpolate the position embeddings. */
void vision_tower_prepare(struct vision_tower *tower, const struct clipseg_model *model);

/* The first picture of tower->pixels for the decoder: run the layers up to the deepest one that it reads, and
 * write its inputs, reduced to its width as soon as they exist. reduced: [extract_count][rows, reduce] with
 * row stride reduced_stride, index 0 for the deepest layer, as the decoder consumes them. */
void vision_tower_reduce(struct vision_tower *tower, const struct clipseg_model *model,
                         const struct compute *compute, float *reduced, size_t reduced_stride);

/* The first `count` pictures of tower->pixels (1..batch) to CLIP's image embeddings: [count, projection]. */
void vision_tower_embed(struct vision_tower *tower, const struct clipseg_model *model,
                        const struct compute *compute, size_t count, float *embeddings);

/* Directly after vision_tower_reduce: the same picture's image embedding, [projection], by the layers that
 * are left. */
void vision_tower_embed_reduced(struct vision_tower *tower, const struct clipseg_model *model,
                                const struct compute *compute, float *embedding);

#endif
