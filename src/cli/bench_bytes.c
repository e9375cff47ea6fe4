/* bench_bytes.c: times every kernel of the list of products of bytes. */
#include "cli/bench_bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "kernels/int8.h"

#define ROUNDS 8

/* Operands with something in them. */
struct operands {
    uint8_t *a;
    int8_t *b;
    float *scale, *c; /* scale: of rows and of columns */
    int32_t *zero;    /* and sums of columns */
};

static bool allocate(struct operands *o, size_t rows, size_t n, size_t k)
{
    size_t longest = size_max(rows, round_up(n, PANEL)), bytes = int8_packed_size(n, k);

    o->a = memory_aligned(rows, k);
    o->b = memory_aligned(bytes, 1);
    o->scale = memory_aligned(longest, sizeof *o->scale);
    o->zero = memory_zeroed(longest, sizeof *o->zero);
    o->c = memory_aligned(rows * n, sizeof *o->c);
    if (!o->a || !o->b || !o->scale || !o->zero || !o->c)
        return false;
    for (size_t i = 0; i < rows * k; i++)
        o->a[i] = (uint8_t)(i * 37);
    for (size_t i = 0; i < bytes; i++)
        o->b[i] = (int8_t)(i % 63) - 31;
    for (size_t i = 0; i < longest; i++)
        o->scale[i] = 0.01f;
    return true;
}

static double best_time(gemm_int8_kernel *kernel, const struct gemm_int8 *g)
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

clipseg_status bench_bytes(const char *name, size_t rows, size_t n, size_t k, double peak,
                           clipseg_error *error)
{
    struct gemm_int8_entry list[GEMM_INT8_MOST];
    struct operands o = {0};
    size_t count = gemm_int8_list(list), padded = round_up(k, INT8_STEP);
    bool complete = allocate(&o, rows, n, padded);
    const struct gemm_int8 g = {.m = rows,
                                .n = n,
                                .k = padded,
                                .a = o.a,
                                .a_stride = padded,
                                .a_scale = o.scale,
                                .a_zero = o.zero,
                                .b = o.b,
                                .panel_stride = padded * PANEL,
                                .b_scale = o.scale,
                                .b_sum = o.zero,
                                .c = o.c,
                                .c_stride = n};

    for (size_t i = 1; complete && i < count; i++) {
        if (!list[i].runs)
            continue;
        double rate = 2.0 * (double)rows * (double)n * (double)k / best_time(list[i].kernel, &g);
        printf("  %-12s %4zu x %4zu x %4zu   %7.1f GOP/s    %5.2f times that peak, %s\n", name, rows, n, k,
               rate * 1e-9, rate / peak, list[i].name);
    }
    free(o.a);
    free(o.b);
    free(o.scale);
    free(o.zero);
    free(o.c);
    return complete ? CLIPSEG_OK : error_memory(error);
}
