/* bench_integers.c: times every kernel of the lists of products of bytes and words. */
#include "cli/bench_integers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "kernels/kernels.h"

#define ROUNDS 8

/* Operands with something in them. a and b have room for words and serve as bytes, too. */
struct operands {
    int16_t *a, *b;
    float *scale, *c; /* scale: of rows and of columns */
    int32_t *zero;    /* and sums of columns */
};

static bool allocate(struct operands *o, size_t rows, size_t n, size_t k)
{
    size_t longest = size_max(rows, round_up(n, PANEL)), weights = round_up(n, PANEL) * k;

    o->a = memory_aligned(rows * k, sizeof *o->a);
    o->b = memory_aligned(weights, sizeof *o->b);
    o->scale = memory_aligned(longest, sizeof *o->scale);
    o->zero = memory_zeroed(longest, sizeof *o->zero);
    o->c = memory_aligned(rows * n, sizeof *o->c);
    if (!o->a || !o->b || !o->scale || !o->zero || !o->c)
        return false;
    for (size_t i = 0; i < rows * k; i++)
        o->a[i] = (int16_t)(i * 37 % WORDS_MOST_ACTIVATION);
    for (size_t i = 0; i < weights; i++)
        o->b[i] = (int16_t)(i % 63 - 31);
    for (size_t i = 0; i < longest; i++)
        o->scale[i] = 0.01f;
    return true;
}

static double best_time(gemm_integers_kernel *kernel, const struct gemm_integers *g)
{
    double best = 1e30;

    for (size_t i = 0; i < ROUNDS; i++) {
        double start = seconds_now();
        kernel(g);
        double passed = seconds_now() - start;
        best = passed < best ? passed : best;
    }
    return best;
}

static void time_list(const struct gemm_integers_entry *list, size_t count, const struct gemm_integers *g,
                      const char *name, const char *type, double peak)
{
    for (size_t i = 1; i < count; i++) {
        if (!list[i].runs)
            continue;
        double rate = 2.0 * (double)g->m * (double)g->n * (double)g->k / best_time(list[i].kernel, g);
        printf("  %-12s %4zu x %4zu x %4zu   %7.1f GOP/s    %5.2f times that peak, %s, %s\n", name, g->m,
               g->n, g->k, rate * 1e-9, rate / peak, type, list[i].name);
    }
}

clipseg_status bench_integers(const char *name, size_t rows, size_t n, size_t k, double peak,
                              clipseg_error *error)
{
    struct gemm_integers_entry list[GEMM_INTEGERS_MOST];
    struct operands o = {0};
    size_t padded = round_up(k, INTEGER_STEP);
    bool complete = allocate(&o, rows, n, padded);
    struct gemm_integers g = {.m = rows,
                              .n = n,
                              .k = padded,
                              .a_stride = padded,
                              .a_scale = o.scale,
                              .a_zero = o.zero,
                              .panel_stride = padded * PANEL,
                              .b_scale = o.scale,
                              .b_sum = o.zero,
                              .c = o.c,
                              .c_stride = n};

    if (complete) {
        g.a_bytes = (const uint8_t *)o.a;
        g.b_bytes = (const int8_t *)o.b;
        time_list(list, gemm_int8_list(list), &g, name, "int8", peak);
        g.a_words = o.a;
        g.b_words = o.b;
        time_list(list, gemm_int16_list(list), &g, name, "int16", peak);
    }
    free(o.a);
    free(o.b);
    free(o.scale);
    free(o.zero);
    free(o.c);
    return complete ? CLIPSEG_OK : error_memory(error);
}
