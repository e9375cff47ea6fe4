/* scan.c: one pass over the bytes finds what can be among the best (bound.h), then the floats decide. */
#include "index/scan.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "index/bound.h"
#include "index/vector.h"

struct candidate {
    size_t slot;
    double lower, upper;
};

/* What one thread has found. */
struct found {
    double *lowest; /* [most]: its largest lower ends as a heap, the smallest on top */
    size_t lowest_count;
    struct candidate *candidates;
    size_t count, capacity;
    bool failed; /* out of memory */
};

struct scan {
    const struct vectors *vectors;
    const struct kernels *kernels;
    const float *query;  /* [dimension] */
    const int8_t *bytes; /* [stride] */
    struct bound_query bound;
    size_t most;
    struct found *found;   /* [threads] */
    _Atomic uint64_t bits; /* of the threshold, a double, that candidates have to reach */
    struct match *matches; /* [candidates], while the floats are compared */
};

/* ---- the threshold, which only grows */

static double threshold(struct scan *scan)
{
    uint64_t bits = atomic_load_explicit(&scan->bits, memory_order_relaxed);
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

static void raise_threshold(struct scan *scan, double value)
{
    uint64_t old = atomic_load_explicit(&scan->bits, memory_order_relaxed), bits;

    memcpy(&bits, &value, sizeof bits);
    for (;;) {
        double now;
        memcpy(&now, &old, sizeof now);
        if (now >= value || atomic_compare_exchange_weak(&scan->bits, &old, bits))
            return;
    }
}

/* ---- one thread's candidates */

/* Put `value` into the heap in place of its top (or at its end while it is not full). */
static void heap_add(struct found *f, size_t most, double value)
{
    double *heap = f->lowest;
    size_t i;

    if (f->lowest_count < most) {
        for (i = f->lowest_count++; i && heap[(i - 1) / 2] > value; i = (i - 1) / 2)
            heap[i] = heap[(i - 1) / 2];
        heap[i] = value;
        return;
    }
    for (i = 0;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < most && heap[child + 1] < heap[child])
            child++;
        if (child >= most || heap[child] >= value)
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = value;
}

/* Drop what the threshold has overtaken; if that is little, get more room. */
static void make_room(struct found *f, double least)
{
    size_t kept = 0;

    for (size_t i = 0; i < f->count; i++)
        if (f->candidates[i].upper >= least)
            f->candidates[kept++] = f->candidates[i];
    f->count = kept;
    if (2 * kept < f->capacity)
        return;
    size_t capacity = f->capacity ? 2 * f->capacity : 1024;
    struct candidate *larger = realloc(f->candidates, capacity * sizeof *larger);
    f->failed = !larger;
    if (larger) {
        f->candidates = larger;
        f->capacity = capacity;
    }
}

static void consider(struct scan *scan, struct found *f, size_t slot, struct bound bound)
{
    double lower = bound.middle - bound.width;

    if (f->count == f->capacity)
        make_room(f, threshold(scan));
    if (f->failed)
        return;
    f->candidates[f->count++] = (struct candidate){slot, lower, bound.middle + bound.width};
    if (f->lowest_count == scan->most && !(lower > f->lowest[0]))
        return;
    heap_add(f, scan->most, lower);
    if (f->lowest_count == scan->most)
        raise_threshold(scan, f->lowest[0]);
}

static void scan_block(void *context, size_t block, size_t worker)
{
    struct scan *scan = context;
    const struct vectors *v = scan->vectors;
    const struct vector_slot *slots = vectors_slots(v, block);
    struct found *f = &scan->found[worker];
    int32_t products[VECTORS_BLOCK];
    double least = threshold(scan);

    scan->kernels->dot_bytes(VECTORS_BLOCK, v->stride, vectors_bytes(v, block), v->stride, scan->bytes,
                             products);
    for (size_t i = 0; i < VECTORS_BLOCK && !f->failed; i++) {
        struct bound bound = bound_of(&slots[i], &scan->bound, products[i]);
        if (slots[i].id && bound.middle + bound.width >= least) {
            consider(scan, f, block * VECTORS_BLOCK + i, bound);
            least = threshold(scan);
        }
    }
}

/* ---- the floats */

static void compare_floats(void *context, size_t task, size_t worker)
{
    const struct scan *scan = context;
    struct match *match = &scan->matches[task];
    const struct vectors *v = scan->vectors;

    (void)worker;
    match->id = vectors_slots(v, match->slot / VECTORS_BLOCK)[match->slot % VECTORS_BLOCK].id;
    match->score = vector_product(scan->query, vectors_floats(v, match->slot), v->dimension);
}

/* NaN, which only a damaged file has, comes last. */
static int by_score(const void *a, const void *b)
{
    const struct match *x = a, *y = b;
    double p = isnan(x->score) ? -INFINITY : x->score, q = isnan(y->score) ? -INFINITY : y->score;

    return p > q ? -1 : p < q ? 1 : x->id < y->id ? -1 : x->id > y->id;
}

static clipseg_status decide(struct scan *scan, struct pool *pool, struct match *matches, size_t *found,
                             clipseg_error *error)
{
    double least = threshold(scan);
    size_t count = 0;

    for (size_t i = 0; i < pool_threads(pool); i++)
        count += scan->found[i].count;
    scan->matches = memory_aligned(count, sizeof *scan->matches);
    if (!scan->matches)
        return error_memory(error);
    count = 0;
    for (size_t i = 0; i < pool_threads(pool); i++)
        for (size_t k = 0; k < scan->found[i].count; k++)
            if (scan->found[i].candidates[k].upper >= least)
                scan->matches[count++].slot = scan->found[i].candidates[k].slot;
    pool_run(pool, count, compare_floats, scan);
    qsort(scan->matches, count, sizeof *scan->matches, by_score);
    *found = size_min(count, scan->most);
    memcpy(matches, scan->matches, *found * sizeof *matches);
    free(scan->matches);
    return CLIPSEG_OK;
}

static clipseg_status run_scan(struct scan *scan, struct pool *pool, int8_t *bytes, double *heaps,
                               struct match *matches, size_t *found, clipseg_error *error)
{
    const struct vectors *v = scan->vectors;
    struct vector_slot quantized = vector_quantize(scan->query, v->dimension, bytes);
    const double lowest = -INFINITY;
    uint64_t bits;

    memcpy(&bits, &lowest, sizeof bits);
    atomic_init(&scan->bits, bits);
    scan->bytes = bytes;
    scan->bound =
        bound_query(&quantized, sqrt(vector_product(scan->query, scan->query, v->dimension)), v->dimension);
    for (size_t i = 0; i < pool_threads(pool); i++)
        scan->found[i].lowest = heaps + i * scan->most;
    pool_run(pool, v->blocks, scan_block, scan);
    for (size_t i = 0; i < pool_threads(pool); i++)
        if (scan->found[i].failed)
            return error_memory(error);
    return decide(scan, pool, matches, found, error);
}

clipseg_status scan_best(const struct vectors *vectors, const struct kernels *kernels, struct pool *pool,
                         const float *query, size_t most, struct match *matches, size_t *found,
                         clipseg_error *error)
{
    size_t threads = pool_threads(pool);
    struct scan scan = {.vectors = vectors, .kernels = kernels, .query = query, .most = most};
    int8_t *bytes = memory_aligned(vectors->stride, 1);
    double *heaps = memory_aligned(threads * most, sizeof *heaps);
    clipseg_status status = CLIPSEG_OK;

    *found = 0;
    scan.found = memory_zeroed(threads, sizeof *scan.found);
    if (!bytes || !heaps || !scan.found)
        status = error_memory(error);
    else if (most)
        status = run_scan(&scan, pool, bytes, heaps, matches, found, error);
    for (size_t i = 0; scan.found && i < threads; i++)
        free(scan.found[i].candidates);
    free(scan.found);
    free(heaps);
    free(bytes);
    return status;
}
