/* decoder.h: reduced activations and prompt embeddings to logits. */
#ifndef MODEL_DECODER_H
#define MODEL_DECODER_H

#include "model/model.h"
#include "model/text_tower.h"

#define DECODER_BATCH 4 /* prompts decoded side by side */

struct decoder {
    size_t grid, rows;          /* patches per side; tokens: 1 + grid^2 */
    size_t side;                /* of the logits: the head multiplies the grid */
    size_t stride;              /* of a token's row, `reduce` wide */
    float *film_mul, *film_add; /* [DECODER_BATCH, reduce] */
    float *hidden;              /* [DECODER_BATCH * rows, reduce] */
    float *columns, *convolved, *products, *enlarged,
        *last_products; /* the head's maps, one prompt at a time */
    struct block_scratch block;
    layer_observer *observer;
    void *observer_context;
};

/* The side of the logits for this many patches per side. */
size_t decoder_side(const struct config *config, size_t grid);

void decoder_take(struct decoder *decoder, struct arena *arena, const struct config *config, size_t grid,
                  size_t threads);

/* reduced: [extract_count][rows, reduce] with stride decoder->stride, as vision_tower_apply writes it;
 * embeddings: [count, projection], count <= DECODER_BATCH; logits: [count, side, side]. */
void decoder_apply(struct decoder *decoder, const struct clipseg_model *model, const struct compute *compute,
                   const float *reduced, const float *embeddings, size_t count, float *logits);

#endif
