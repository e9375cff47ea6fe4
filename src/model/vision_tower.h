/* vision_tower.h: pixels to the activations that the decoder reads, and to CLIP's image embedding. */
#ifndef MODEL_VISION_TOWER_H
#define MODEL_VISION_TOWER_H

#include "model/model.h"
#include "model/text_tower.h"

struct vision_tower {
    size_t side, grid, rows; /* input pixels and patches per side; tokens: 1 + grid^2 */
    float *position;         /* [rows, hidden], interpolated for this side; filled by vision_tower_prepare */
    float *pixels;           /* [3, side, side]: the input; written by preprocess_apply */
    float *patches;          /* [grid^2, 3 * patch^2] */
    float *hidden, *pooled;
    struct block_scratch block;
    layer_observer *observer;
    void *observer_context;
};

/* Plan or take the workspace for inputs of side * side pixels. */
void vision_tower_take(struct vision_tower *tower, struct arena *arena, const struct config *config,
                       size_t side, size_t threads);

/* Once after taking: interpolate the position embeddings. */
void vision_tower_prepare(struct vision_tower *tower, const struct clipseg_model *model);

/* From tower->pixels: run layers and write the decoder's inputs, reduced to its width as soon as they exist.
 * reduced: [extract_count][rows, reduce] with row stride reduced_stride, index 0 for the deepest layer, as
 * the decoder consumes them; may be NULL when only the embedding is wanted. embedding: [projection] or NULL;
 * without it the layers beyond the deepest one that is read are not run. */
void vision_tower_apply(struct vision_tower *tower, const struct clipseg_model *model,
                        const struct compute *compute, float *reduced, size_t reduced_stride,
                        float *embedding);

#endif
