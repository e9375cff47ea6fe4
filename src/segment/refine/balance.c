/* balance.c: bistochastisation: scale the blur so that it keeps the mean of what it smooths (Barron and Poole
 * 2016, supplement, algorithm 1). */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "segment/refine/grid.h"

#define ROUNDS 10
#define CHUNK 4096

struct balance {
    struct grid *grid;
    const float *pixels; /* [vertices]: how many pixels share the vertex */
    float *next;         /* [vertices + 1] */
};

static void update(void *context, size_t chunk, size_t worker)
{
    const struct balance *b = context;
    const float *n = b->grid->scale;
    size_t end = size_min((chunk + 1) * CHUNK, b->grid->vertices);

    (void)worker;
    for (size_t v = chunk * CHUNK; v < end; v++)
        b->next[v] = sqrtf(n[v] * b->pixels[v] / grid_blur(b->grid, n, v));
}

static void find_mass(void *context, size_t chunk, size_t worker)
{
    const struct balance *b = context;
    const float *n = b->grid->scale;
    size_t end = size_min((chunk + 1) * CHUNK, b->grid->vertices);

    (void)worker;
    for (size_t v = chunk * CHUNK; v < end; v++)
        b->grid->mass[v] = n[v] * grid_blur(b->grid, n, v);
}

void grid_balance(struct grid *grid, struct pool *pool, float *scratch)
{
    float *pixels = scratch, *next = scratch + grid->vertices + 1;
    struct balance balance = {grid, pixels, next};
    size_t chunks = (grid->vertices + CHUNK - 1) / CHUNK;

    memset(pixels, 0, grid->vertices * sizeof *pixels);
    for (size_t i = 0; i < grid->width * grid->height; i++)
        pixels[grid->vertex[i]] += 1.0f;
    for (size_t v = 0; v < grid->vertices; v++)
        grid->scale[v] = 1.0f;
    grid->scale[grid->vertices] = next[grid->vertices] = 0.0f;
    for (size_t i = 0; i < ROUNDS; i++) {
        pool_run(pool, chunks, update, &balance);
        memcpy(grid->scale, next, grid->vertices * sizeof *next);
    }
    pool_run(pool, chunks, find_mass, &balance);
}
