/* groups.c: which vectors of an index are nearly the same: every pair, with bytes first and floats where
 * those cannot tell. */
#include <stdatomic.h>

#include "base/checked.h"
#include "index/bound.h"
#include "index/scan.h"
#include "index/vector.h"

#define TILE 256 /* rows whose bytes stay in the second-level cache while all others pass by */

struct job {
    const struct vectors *vectors;
    const struct kernels *kernels;
    double similarity;
    _Atomic uint32_t *parent; /* [slots]: a forest, every parent smaller than its child */
};

static uint32_t find_root(const struct job *job, uint32_t slot)
{
    for (uint32_t parent; (parent = atomic_load_explicit(&job->parent[slot], memory_order_relaxed)) != slot;)
        slot = parent;
    return slot;
}

/* The larger root gets the smaller one as its parent, whoever else is doing the same. */
static void unite(const struct job *job, uint32_t a, uint32_t b)
{
    for (;;) {
        a = find_root(job, a);
        b = find_root(job, b);
        if (a == b)
            return;
        uint32_t large = a > b ? a : b, small = a > b ? b : a, expected = large;
        if (atomic_compare_exchange_strong(&job->parent[large], &expected, small))
            return;
    }
}

static const struct vector_slot *slot_at(const struct vectors *v, size_t slot)
{
    return &vectors_slots(v, slot / VECTORS_BLOCK)[slot % VECTORS_BLOCK];
}

static const int8_t *bytes_at(const struct vectors *v, size_t slot)
{
    return vectors_bytes(v, slot / VECTORS_BLOCK) + slot % VECTORS_BLOCK * v->stride;
}

static void compare_pair(const struct job *job, size_t i, size_t j)
{
    const struct vectors *v = job->vectors;

    if (find_root(job, (uint32_t)i) != find_root(job, (uint32_t)j) &&
        vector_product(vectors_floats(v, i), vectors_floats(v, j), v->dimension) >= job->similarity)
        unite(job, (uint32_t)i, (uint32_t)j);
}

/* The slots of a tile with all that come behind its first one. */
static void compare_tile(void *context, size_t tile, size_t worker)
{
    const struct job *job = context;
    const struct vectors *v = job->vectors;
    size_t first = tile * TILE, slots = v->blocks * VECTORS_BLOCK;
    const struct vector_slot *own = slot_at(v, first);
    const int8_t *bytes = bytes_at(v, first);
    int32_t products[TILE];

    (void)worker;
    for (size_t j = first + 1; j < slots; j++) {
        const struct vector_slot *other = slot_at(v, j);
        if (!other->id)
            continue;
        struct bound_query query =
            bound_query(other, (double)other->length + (double)other->error, v->dimension);
        job->kernels->dot_bytes(TILE, v->stride, bytes, v->stride, bytes_at(v, j), products);
        for (size_t i = 0; i < size_min(TILE, j - first); i++) {
            struct bound bound = bound_of(&own[i], &query, products[i]);
            if (own[i].id && bound.middle + bound.width >= job->similarity)
                compare_pair(job, first + i, j);
        }
    }
}

void scan_groups(const struct vectors *vectors, const struct kernels *kernels, struct pool *pool,
                 double similarity, uint32_t *group)
{
    size_t slots = vectors->blocks * VECTORS_BLOCK;
    struct job job = {vectors, kernels, similarity, (_Atomic uint32_t *)group};

    for (size_t i = 0; i < slots; i++)
        atomic_init(&job.parent[i], (uint32_t)i);
    pool_run(pool, slots / TILE, compare_tile, &job);
    for (size_t i = 0; i < slots; i++)
        group[i] = find_root(&job, (uint32_t)i);
}
