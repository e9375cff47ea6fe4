/* distance.c: the exact Euclidean distance transform in two passes (Meijster, Roerdink and Hesselink, "A
 * general algorithm for computing distance transforms in linear time", 2000): down and up the columns, then
 * along each row the lower envelope of parabolas, all in whole numbers. */
#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "segment/shape.h"

#define STRIPE 64 /* columns that one task walks down together: their rows share cache lines */

struct transform {
    const uint8_t *mask;
    uint8_t value;
    size_t width, height;
    uint32_t *squared; /* [height, width]; after the first pass the distance within the column */
    int64_t *scratch;  /* [threads][3 * width] */
};

static void walk_columns(void *context, size_t task, size_t worker)
{
    const struct transform *t = context;
    size_t first = task * STRIPE, end = size_min(first + STRIPE, t->width), width = t->width;

    (void)worker;
    for (size_t y = 0; y < t->height; y++)
        for (size_t i = y * width + first; i < y * width + end; i++) {
            uint32_t above = y ? t->squared[i - width] : DISTANCE_MOST;
            t->squared[i] = t->mask[i] == t->value ? 0 : above < DISTANCE_MOST ? above + 1 : DISTANCE_MOST;
        }
    for (size_t y = t->height - 1; y-- > 0;)
        for (size_t i = y * width + first; i < y * width + end; i++)
            if (t->squared[i + width] < t->squared[i])
                t->squared[i] = t->squared[i + width] + 1;
}

/* From which x on is the parabola of column u not above that of column i < u? */
static int64_t cross(int64_t i, int64_t u, int64_t gi, int64_t gu)
{
    int64_t above = u * u - i * i + gu * gu - gi * gi, below = 2 * (u - i);

    return above < 0 ? -((-above + below - 1) / below) : above / below;
}

static void envelop_row(void *context, size_t y, size_t worker)
{
    const struct transform *t = context;
    int64_t width = (int64_t)t->width;
    int64_t *site = t->scratch + worker * 3 * t->width, *start = site + width, *g = start + width, top = 0;
    uint32_t *row = t->squared + y * t->width;

    for (int64_t x = 0; x < width; x++)
        g[x] = row[x];
    site[0] = start[0] = 0;
    for (int64_t u = 1; u < width; u++) {
        while (top >= 0 && (start[top] - site[top]) * (start[top] - site[top]) + g[site[top]] * g[site[top]] >
                               (start[top] - u) * (start[top] - u) + g[u] * g[u])
            top--;
        if (top < 0) {
            top = 0;
            site[0] = u;
        } else {
            int64_t from = 1 + cross(site[top], u, g[site[top]], g[u]);
            if (from < width) {
                top++;
                site[top] = u;
                start[top] = from;
            }
        }
    }
    for (int64_t x = width - 1; x >= 0; x--) {
        int64_t distance = (x - site[top]) * (x - site[top]) + g[site[top]] * g[site[top]];
        bool far = g[site[top]] >= DISTANCE_MOST || distance > UINT32_MAX;
        row[x] = far ? UINT32_MAX : (uint32_t)distance;
        if (x == start[top] && top)
            top--;
    }
}

clipseg_status distance_transform(struct pool *pool, const uint8_t *mask, uint8_t value, size_t width,
                                  size_t height, uint32_t *squared, clipseg_error *error)
{
    struct transform t = {mask, value, width, height, squared, NULL};

    t.scratch = memory_aligned(pool_threads(pool) * 3 * width, sizeof *t.scratch);
    if (!t.scratch)
        return error_memory(error);
    pool_run(pool, (width + STRIPE - 1) / STRIPE, walk_columns, &t);
    pool_run(pool, height, envelop_row, &t);
    free(t.scratch);
    return CLIPSEG_OK;
}
