/* solver.h: the bilateral solver (Barron and Poole 2016): the map that is smooth on the grid and near the
 * target where one may be sure of it: argmin lambda x'(Dm - Dn B Dn)x + sum c (x - t)^2. */
#ifndef SEGMENT_REFINE_SOLVER_H
#define SEGMENT_REFINE_SOLVER_H

#include "segment/refine/grid.h"

struct solver {
    const struct grid *grid;
    struct pool *pool;
    float lambda;
    size_t most_steps;
    float *memory;                                                                      /* all that follows */
    float *x, *confidence, *right, *diagonal, *residual, *direction, *product, *scaled; /* [vertices + 1] */
    double *partial; /* [chunks][2]: sums, added in this order whatever the number of threads */
};

clipseg_status solver_create(struct solver *solver, const struct grid *grid, struct pool *pool, float lambda,
                             size_t most_steps, clipseg_error *error);
void solver_free(struct solver *solver);

/* target and confidence: [height, width] of the grid's picture; the solution at every pixel goes to `out`,
 * which may be `target`. Allocates nothing. */
void solver_solve(struct solver *solver, const float *target, const float *confidence, float *out);

#endif
