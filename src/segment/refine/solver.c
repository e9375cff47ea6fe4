/* solver.c: splat, conjugate gradients with Jacobi's preconditioner, slice. */
#include "segment/refine/solver.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

#define CHUNK 4096
#define ENOUGH 1e-8 /* of the first residual's square */
#define ARRAYS 8

clipseg_status solver_create(struct solver *solver, const struct grid *grid, struct pool *pool, float lambda,
                             size_t most_steps, clipseg_error *error)
{
    size_t size = round_up(grid->vertices + 1, CACHE_LINE / sizeof(float)),
           chunks = grid->vertices / CHUNK + 1;

    *solver = (struct solver){.grid = grid, .pool = pool, .lambda = lambda, .most_steps = most_steps};
    solver->memory = memory_zeroed(ARRAYS * size, sizeof(float));
    solver->partial = memory_zeroed(2 * chunks, sizeof *solver->partial);
    if (!solver->memory || !solver->partial) {
        solver_free(solver);
        return error_memory(error);
    }
    float **arrays[ARRAYS] = {&solver->x,        &solver->confidence, &solver->right,   &solver->diagonal,
                              &solver->residual, &solver->direction,  &solver->product, &solver->scaled};
    for (size_t i = 0; i < ARRAYS; i++)
        *arrays[i] = solver->memory + i * size;
    return CLIPSEG_OK;
}

void solver_free(struct solver *solver)
{
    free(solver->memory);
    free(solver->partial);
    *solver = (struct solver){0};
}

/* ---- splat and slice: the pixels of a band belong to the vertices of a band */

struct pixels {
    struct solver *solver;
    const float *target, *confidence;
    float *out;
};

static void splat_band(void *context, size_t band, size_t worker)
{
    const struct pixels *p = context;
    struct solver *s = p->solver;
    const struct grid *g = s->grid;
    size_t begin = g->band_first[band], count = g->band_first[band + 1] - begin;
    size_t top = band * g->band_height, bottom = size_min(top + g->band_height, g->height);

    (void)worker;
    memset(s->confidence + begin, 0, count * sizeof(float));
    memset(s->right + begin, 0, count * sizeof(float));
    for (size_t i = top * g->width; i < bottom * g->width; i++) {
        uint32_t v = g->vertex[i];
        s->confidence[v] += p->confidence[i];
        s->right[v] += p->confidence[i] * p->target[i];
    }
}

static void slice_band(void *context, size_t band, size_t worker)
{
    const struct pixels *p = context;
    const struct grid *g = p->solver->grid;
    size_t top = band * g->band_height, bottom = size_min(top + g->band_height, g->height);

    (void)worker;
    for (size_t i = top * g->width; i < bottom * g->width; i++)
        p->out[i] = p->solver->x[g->vertex[i]];
}

/* ---- one step of conjugate gradients, in three passes over the vertices */

/* scaled = Dn x of what A is applied to */
static void scale_chunk(struct solver *s, const float *x, size_t begin, size_t end)
{
    for (size_t v = begin; v < end; v++)
        s->scaled[v] = s->grid->scale[v] * x[v];
}

/* (A x)[v], with `scaled` from above */
static float apply(const struct solver *s, const float *x, size_t v)
{
    const struct grid *g = s->grid;

    return s->lambda * (g->mass[v] * x[v] - g->scale[v] * grid_blur(g, s->scaled, v)) +
           s->confidence[v] * x[v];
}

/* Where to begin: the mean of the target at every vertex. */
static void begin_chunk(void *context, size_t chunk, size_t worker)
{
    struct solver *s = context;
    const struct grid *g = s->grid;
    size_t begin = chunk * CHUNK, end = size_min(begin + CHUNK, g->vertices);

    (void)worker;
    for (size_t v = begin; v < end; v++) {
        s->diagonal[v] =
            s->lambda * (g->mass[v] - (float)GRID_LINKS * g->scale[v] * g->scale[v]) + s->confidence[v];
        s->x[v] = s->right[v] / s->confidence[v];
    }
    scale_chunk(s, s->x, begin, end);
}

static void residual_chunk(void *context, size_t chunk, size_t worker)
{
    struct solver *s = context;
    size_t begin = chunk * CHUNK, end = size_min(begin + CHUNK, s->grid->vertices);
    double sum = 0.0;

    (void)worker;
    for (size_t v = begin; v < end; v++) {
        s->residual[v] = s->right[v] - apply(s, s->x, v);
        float z = s->residual[v] / s->diagonal[v];
        s->direction[v] = z;
        sum += (double)(z * s->residual[v]);
    }
    s->partial[2 * chunk] = sum;
}

static void scale_direction_chunk(void *context, size_t chunk, size_t worker)
{
    struct solver *s = context;

    (void)worker;
    scale_chunk(s, s->direction, chunk * CHUNK, size_min((chunk + 1) * CHUNK, s->grid->vertices));
}

static void product_chunk(void *context, size_t chunk, size_t worker)
{
    struct solver *s = context;
    size_t end = size_min((chunk + 1) * CHUNK, s->grid->vertices);
    double sum = 0.0;

    (void)worker;
    for (size_t v = chunk * CHUNK; v < end; v++) {
        s->product[v] = apply(s, s->direction, v);
        sum += (double)(s->direction[v] * s->product[v]);
    }
    s->partial[2 * chunk] = sum;
}

struct advance {
    struct solver *solver;
    float step;
};

static void advance_chunk(void *context, size_t chunk, size_t worker)
{
    const struct advance *a = context;
    struct solver *s = a->solver;
    size_t end = size_min((chunk + 1) * CHUNK, s->grid->vertices);
    double sum = 0.0;

    (void)worker;
    for (size_t v = chunk * CHUNK; v < end; v++) {
        s->x[v] += a->step * s->direction[v];
        s->residual[v] -= a->step * s->product[v];
        sum += (double)(s->residual[v] * s->residual[v] / s->diagonal[v]);
    }
    s->partial[2 * chunk] = sum;
}

static void turn_chunk(void *context, size_t chunk, size_t worker)
{
    const struct advance *a = context;
    struct solver *s = a->solver;
    size_t begin = chunk * CHUNK, end = size_min(begin + CHUNK, s->grid->vertices);

    (void)worker;
    for (size_t v = begin; v < end; v++)
        s->direction[v] = s->residual[v] / s->diagonal[v] + a->step * s->direction[v];
    scale_chunk(s, s->direction, begin, end);
}

static double run_and_sum(struct solver *s, pool_function *function, void *context)
{
    size_t chunks = (s->grid->vertices + CHUNK - 1) / CHUNK;
    double sum = 0.0;

    pool_run(s->pool, chunks, function, context);
    for (size_t i = 0; i < chunks; i++)
        sum += s->partial[2 * i];
    return sum;
}

static void conjugate_gradients(struct solver *s)
{
    size_t chunks = (s->grid->vertices + CHUNK - 1) / CHUNK;
    struct advance advance = {s, 0.0f};

    pool_run(s->pool, chunks, begin_chunk, s);
    double rz = run_and_sum(s, residual_chunk, s), first = rz;
    pool_run(s->pool, chunks, scale_direction_chunk, s);
    for (size_t step = 0; step < s->most_steps && rz > ENOUGH * first && rz > 1e-20; step++) {
        double curvature = run_and_sum(s, product_chunk, s);
        if (!(curvature > 0.0))
            return;
        advance.step = (float)(rz / curvature);
        double next = run_and_sum(s, advance_chunk, &advance);
        advance.step = (float)(next / rz);
        pool_run(s->pool, chunks, turn_chunk, &advance);
        rz = next;
    }
}

void solver_solve(struct solver *solver, const float *target, const float *confidence, float *out)
{
    struct pixels pixels = {solver, target, confidence, out};

    pool_run(solver->pool, solver->grid->bands, splat_band, &pixels);
    conjugate_gradients(solver);
    pool_run(solver->pool, solver->grid->bands, slice_band, &pixels);
}
