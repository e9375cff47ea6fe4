/* bench_search.c: `clipseg bench --search`: how long a search takes, beside what this machine can read in
 * that time. */
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/command.h"
#include "index/scan.h"
#include "index/vector.h"

#define ROUNDS 11
#define TOP 20
#define PAGE 4096

struct bench {
    const struct bench_search *asked;
    struct kernels kernels;
    struct pool *pool;
    unsigned char *data; /* a vector file in memory */
    size_t size;
    struct vectors vectors;
    float *rows; /* [threads, dimension]: scratch */
    _Atomic uint64_t sink;
};

/* Directions without preference, from a generator that is good enough for that. */
static void random_vector(uint64_t seed, float *x, size_t dimension)
{
    uint64_t state = (seed + 1) * 0x9e3779b97f4a7c15u;

    for (size_t i = 0; i < dimension; i++) {
        float sum = 0.0f;
        for (size_t k = 0; k < 4; k++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            sum += (float)(state >> 40) - 8388608.0f;
        }
        x[i] = sum;
    }
    vector_normalize(x, dimension);
}

static void fill_block(void *context, size_t block, size_t worker)
{
    struct bench *b = context;
    size_t dimension = b->vectors.dimension, stride = b->vectors.stride;
    unsigned char *start = b->data + PAGE + block * b->vectors.block_bytes;
    struct vector_slot *slots = (struct vector_slot *)(void *)start;
    int8_t *bytes = (int8_t *)(slots + VECTORS_BLOCK);
    float *floats = (float *)(void *)(bytes + VECTORS_BLOCK * stride);

    (void)worker;
    for (size_t i = 0; i < VECTORS_BLOCK; i++) {
        size_t number = block * VECTORS_BLOCK + i;
        if (number >= b->asked->vectors)
            return;
        random_vector(number, floats + i * dimension, dimension);
        slots[i] = vector_quantize(floats + i * dimension, dimension, bytes + i * stride);
        slots[i].id = number + 1;
    }
}

static clipseg_status make_vectors(struct bench *b, clipseg_error *error)
{
    size_t dimension = b->asked->dimension, blocks = (b->asked->vectors + VECTORS_BLOCK - 1) / VECTORS_BLOCK;

    if (!size_multiply(blocks, vectors_block_bytes(dimension), &b->size) ||
        !size_add(b->size, PAGE, &b->size))
        return error_memory(error);
    void *data = mmap(NULL, b->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED)
        return error_memory(error);
    b->data = data;
    vectors_format(b->data, dimension, 1);
    clipseg_status status = vectors_read(&b->vectors, b->data, b->size, "bench", error);
    if (!status)
        pool_run(b->pool, blocks, fill_block, b);
    return status;
}

/* What a scan has to read of a block, and nothing else done with it. */
static void read_block(void *context, size_t block, size_t worker)
{
    struct bench *b = context;
    size_t words = VECTORS_BLOCK * (sizeof(struct vector_slot) + b->vectors.stride) / sizeof(uint64_t);
    const uint64_t *x = (const uint64_t *)(const void *)vectors_slots(&b->vectors, block);
    uint64_t sum[8] = {0};

    (void)worker;
    for (size_t i = 0; i + 8 <= words; i += 8)
        for (size_t k = 0; k < 8; k++)
            sum[k] ^= x[i + k];
    for (size_t k = 1; k < 8; k++)
        sum[0] ^= sum[k];
    atomic_fetch_add_explicit(&b->sink, sum[0], memory_order_relaxed);
}

static double best_reading(struct bench *b)
{
    double best = INFINITY;

    for (size_t i = 0; i < ROUNDS; i++) {
        double start = seconds_now();
        pool_run(b->pool, b->vectors.blocks, read_block, b);
        best = fmin(best, seconds_now() - start);
    }
    return best;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static clipseg_status median_search(struct bench *b, double *median, clipseg_error *error)
{
    struct match matches[TOP];
    double seconds[ROUNDS];
    size_t found;
    clipseg_status status = CLIPSEG_OK;

    for (size_t i = 0; !status && i < ROUNDS; i++) {
        random_vector(0x100000000u + i, b->rows, b->vectors.dimension);
        double start = seconds_now();
        status = scan_best(&b->vectors, &b->kernels, b->pool, b->rows, TOP, matches, &found, error);
        seconds[i] = seconds_now() - start;
    }
    qsort(seconds, ROUNDS, sizeof *seconds, by_value);
    *median = seconds[ROUNDS / 2];
    return status;
}

static clipseg_status measure(struct bench *b, clipseg_error *error)
{
    double bytes = (double)(b->vectors.blocks * VECTORS_BLOCK) *
                   (double)(b->vectors.stride + sizeof(struct vector_slot));
    double search, reading = best_reading(b);
    size_t threads = pool_threads(b->pool);
    clipseg_status status = median_search(b, &search, error);

    if (status)
        return status;
    if (b->asked->json)
        printf("{\"vectors\": %zu, \"dimensions\": %zu, \"threads\": %zu, \"seconds\": %.6f, "
               "\"bytes_per_second\": %.4g, \"readable_bytes_per_second\": %.4g}\n",
               b->asked->vectors, b->asked->dimension, threads, search, bytes / search, bytes / reading);
    else
        printf("%s, the best %d of %zu vectors of %zu numbers, %zu threads: %.1f ms, median of %d\n"
               "  reads %.1f GB/s of the %.1f GB/s that this machine can (%.0f %%)\n",
               b->kernels.name, TOP, b->asked->vectors, b->asked->dimension, threads, 1e3 * search, ROUNDS,
               1e-9 * bytes / search, 1e-9 * bytes / reading, 100.0 * reading / search);
    return CLIPSEG_OK;
}

clipseg_status bench_search(const struct bench_search *asked, clipseg_error *error)
{
    struct bench b = {.asked = asked};
    clipseg_status status = CLIPSEG_OK;

    if (!kernels_init(&b.kernels, asked->cpu))
        return error_set(error, CLIPSEG_ERROR_USAGE,
                         "cpu \"%s\": no such instruction set on this architecture", asked->cpu);
    b.pool = pool_create(asked->threads);
    b.rows = memory_aligned(asked->dimension, sizeof *b.rows);
    if (!b.pool || !b.rows)
        status = error_memory(error);
    if (!status)
        status = make_vectors(&b, error);
    if (!status)
        status = measure(&b, error);
    if (b.data)
        munmap(b.data, b.size);
    free(b.rows);
    pool_free(b.pool);
    return status;
}
