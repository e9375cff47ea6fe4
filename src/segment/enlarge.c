/* enlarge.c: bilinear enlargement of logits, then the sigmoid. */
#include "segment/enlarge.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"

struct enlargement {
    const struct kernels *kernels;
    const float *logits; /* [side, side] */
    size_t side, width, height;
    int32_t *left; /* [width] */
    float *weight; /* [width] of the column right of left */
    float *out;    /* [height, width] */
};

int32_t enlarge_source(size_t i, size_t from, size_t to, float *weight)
{
    float scale = (float)from / (float)to;
    float position = fmaxf(scale * ((float)i + 0.5f) - 0.5f, 0.0f);
    int32_t cell = (int32_t)position, last = (int32_t)from - 2;

    if (cell > last) { /* the last cell alone, as the right neighbour of the one before */
        *weight = 1.0f;
        return last;
    }
    *weight = position - (float)cell;
    return cell;
}

static void enlarge_row(void *context, size_t y, size_t worker)
{
    const struct enlargement *e = context;
    float weight;
    const float *top = e->logits + (size_t)enlarge_source(y, e->side, e->height, &weight) * e->side;

    (void)worker;
    e->kernels->enlarge_row(e->width, top, top + e->side, weight, e->left, e->weight, e->out + y * e->width);
}

clipseg_status enlarge(const struct kernels *kernels, struct pool *pool, const float *logits, size_t side,
                       size_t width, size_t height, float *probability, clipseg_error *error)
{
    struct enlargement e = {kernels, logits, side, width, height, NULL, NULL, probability};

    e.left = memory_aligned(width, sizeof *e.left);
    e.weight = memory_aligned(width, sizeof *e.weight);
    if (e.left && e.weight) {
        for (size_t x = 0; x < width; x++)
            e.left[x] = enlarge_source(x, side, width, &e.weight[x]);
        pool_run(pool, height, enlarge_row, &e);
    }
    bool complete = e.left && e.weight;
    free(e.left);
    free(e.weight);
    return complete ? CLIPSEG_OK : error_memory(error);
}
