/* refiner.h: crisp masks: what is prepared once per picture, and what is done for every mask.
 *
 *     photograph -> reduce -> grid (vertices, links, balance)            once per picture
 *     logits -> evidence (target, confidence) -> solver -> + evidence    per mask, at the working size
 *            -> upsampler (guided filter where undecided) -> compose     per mask, tile by tile
 *
 * The cascade joins the bilateral solver (Barron and Poole 2016) with a guided filter (He, Sun and Tang
 * 2010). */
#ifndef SEGMENT_REFINE_REFINER_H
#define SEGMENT_REFINE_REFINER_H

#include "kernels/kernels.h"
#include "segment/refine/grid.h"
#include "segment/refine/solver.h"
#include "segment/refine/upsample.h"

#define REFINE_MOST_TRUST 4.0f
#define REFINE_MOST_CONTRAST 64.0f

struct clipseg_refiner {
    const struct kernels *kernels;
    struct pool *pool;
    const clipseg_image *image;
    size_t side; /* S, of the logits */
    clipseg_refine_options options;
    size_t width, height;         /* the working size; 0 with CLIPSEG_REFINE_OFF */
    struct grid grid, blind_grid; /* the blind one does not see colours */
    struct solver solver, blind_solver;
    struct upsampler upsampler;
    float *clean;                      /* [S, S] */
    float *z, *q, *blind, *confidence; /* [height, width] */
};

/* Where a mask goes, each [image height, image width] or NULL. */
struct refined {
    float *probability; /* larger than the threshold inside, as large as the model says where that agrees */
    float *soft;        /* the coverage, 0..1, 1/2 at the border */
    uint8_t *alpha;     /* the same, 0..255 */
    bool shared;        /* the border is another label's too */
};

/* The image must stay as long as the refiner. One mask at a time, and nobody else in the pool meanwhile.
 * Errors: MEMORY. */
clipseg_status refiner_create(struct clipseg_refiner **refiner, const struct kernels *kernels,
                              struct pool *pool, const clipseg_image *image, size_t side,
                              const clipseg_refine_options *options, clipseg_error *error);

/* logits: [S, S]; threshold: of the probability. Errors: MEMORY. */
clipseg_status refiner_mask(struct clipseg_refiner *refiner, const float *logits, float threshold,
                            const struct refined *out, clipseg_error *error);

#endif
