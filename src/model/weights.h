/* weights.h: the tensors of a checkpoint in the places where the towers look for them, packed for the
 * kernels. */
#ifndef MODEL_WEIGHTS_H
#define MODEL_WEIGHTS_H

#include "checkpoint/checkpoint.h"
#include "model/config.h"
#include "nn/nn.h"

struct text_weights {
    struct tensor token_embedding; /* [vocabulary, hidden], read row by row from where it lies */
    const float *position;         /* [context, hidden] */
    struct block *blocks;          /* [layers] */
    struct layer_norm final_norm;
    struct linear projection; /* hidden -> projection, no bias */
};

struct vision_weights {
    const float *class_embedding; /* [hidden] */
    const float *position;        /* [1 + positions^2, hidden]: class token first */
    size_t positions;             /* the side of the table's grid */
    struct linear patch;          /* 3 * patch^2 -> hidden, no bias; input order [channel][y][x] */
    struct layer_norm pre_norm, post_norm;
    struct block *blocks;     /* [layers] */
    struct linear projection; /* hidden -> projection, no bias */
};

struct decoder_weights {
    struct linear film_mul, film_add; /* projection -> reduce */
    struct linear *reduces; /* [extract_count] vision hidden -> reduce; 0 belongs to the deepest layer */
    struct block *blocks;   /* [extract_count] */
    /* complex head: 3x3 convolution, two transposed ones; simple head: `last` alone */
    struct linear convolution, middle, last;
};

struct weights {
    struct text_weights text;
    struct vision_weights vision;
    struct decoder_weights decoder;
    float logit_scale;   /* as stored: the logarithm */
    size_t longest_half; /* the most inputs of a matrix in half precision; 0: there is none */
    size_t integer_size; /* of the image tower's integers: 1: bytes, 2: words (and bytes); 0: it has none */
    struct arena arena;  /* holds everything but the token embedding */
};

struct pieces;

/* Check every tensor that the configuration calls for (a mismatch names tensor, wanted and found shape), then
 * convert to float32 and pack with all threads of the pool. NaN or infinity in a weight is an error that
 * names the tensor. A packed file's tensors are used where they lie. The checkpoint must outlive the weights.
 * pieces: NULL, or receives what a packed file of these weights consists of (it points into the weights).
 * Errors: MODEL, MEMORY. */
clipseg_status weights_load(struct weights *weights, const struct checkpoint *checkpoint,
                            const struct config *config, const struct kernels *kernels, struct pool *pool,
                            struct pieces *pieces, clipseg_error *error);

void weights_free(struct weights *weights);

#endif
