/* integer_product.h: random products of bytes or words on operands that end at guard pages, and their
 * comparison with the reference. */
#ifndef TESTS_KERNELS_INTEGER_PRODUCT_H
#define TESTS_KERNELS_INTEGER_PRODUCT_H

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "tests/kernels/activate.h"
#include "tests/kernels/guarded.h"
#include "tests/kernels/tier.h"

static unsigned long long seed = 11;

/* A product whose a and b are filled in by the test. c holds what `before` says until a kernel has run. */
struct product {
    struct gemm_integers g;
    float *w; /* the weights before they were quantised: [n, in] */
    size_t in;
    float *c, *before;
    size_t c_size;
};

/* One feature in five has outliers. */
static float *random_weights(size_t n, size_t k)
{
    float *w = malloc(n * k * sizeof *w);

    if (!w)
        abort();
    for (size_t i = 0; i < n * k; i++)
        w[i] = test_random(&seed) * (i / k % 5 == 0 && i % 37 == 0 ? 20.0f : 1.0f);
    return w;
}

static void *packed_memory(size_t bytes)
{
    void *memory;

    if (posix_memalign(&memory, 64, bytes))
        abort();
    return memory;
}

/* unit: about the scale of activations. */
static struct product begin_product(size_t m, size_t n, size_t k, float unit, enum gemm_activation activation,
                                    bool residual)
{
    size_t padded = round_up(k, INTEGER_STEP), c_stride = n + 1, c_size = m * c_stride - 1;
    float *a_scale = guarded(m), *bias = guarded(n);
    struct product p = {.w = random_weights(n, k),
                        .in = k,
                        .c = guarded(c_size),
                        .before = guarded(c_size),
                        .c_size = c_size};

    for (size_t i = 0; i < m; i++)
        a_scale[i] = unit * (1.0f + 0.1f * (float)i);
    for (size_t j = 0; j < n; j++)
        bias[j] = test_random(&seed);
    for (size_t i = 0; i < c_size; i++)
        p.c[i] = p.before[i] = test_random(&seed);
    p.g = (struct gemm_integers){.m = m,
                                 .n = n,
                                 .k = padded,
                                 .a_stride = padded,
                                 .a_scale = a_scale,
                                 .panel_stride = padded * PANEL,
                                 .bias = bias,
                                 .residual = residual ? p.c : NULL,
                                 .activation = activation,
                                 .c = p.c,
                                 .c_stride = c_stride};
    return p;
}

/* A result against its exact sum of products: how far off. */
static double error_of(const struct product *p, size_t row, size_t column, int64_t sum)
{
    const struct gemm_integers *g = &p->g;
    size_t place = row * g->c_stride + column;
    double want =
        activate((double)sum * (double)g->a_scale[row] * (double)g->b_scale[column] + (double)g->bias[column],
                 g->activation);

    want += g->residual ? (double)p->before[place] : 0.0;
    return fabs((double)p->c[place] - want) / (1.0 + fabs(want));
}

static void check_gaps(const struct product *p)
{
    for (size_t i = 0; i + 1 < p->g.m; i++) {
        size_t place = i * p->g.c_stride + p->g.n;
        CHECK_TEXT(p->c[place] == p->before[place], "wrote between the rows");
    }
}

/* To the last bit. The product may be used again. */
static void check_same_bits(struct product *p, gemm_integers_kernel *reference, gemm_integers_kernel *kernel,
                            const char *name)
{
    float *expected = malloc(p->c_size * sizeof *expected);

    if (!expected)
        abort();
    reference(&p->g);
    memcpy(expected, p->c, p->c_size * sizeof *expected);
    memcpy(p->c, p->before, p->c_size * sizeof *expected);
    kernel(&p->g);
    CHECK_TEXT(!memcmp(expected, p->c, p->c_size * sizeof *expected), name);
    free(expected);
}

typedef void check_bits(gemm_integers_kernel *reference, gemm_integers_kernel *kernel, const char *name);

/* Every kernel of a list that this machine runs, and the tier's. */
static void check_list(const struct gemm_integers_entry *list, size_t count, gemm_integers_kernel *of_tier,
                       const char *tier, check_bits *check)
{
    for (size_t i = 1; i < count; i++)
        if (list[i].runs)
            check(list[0].kernel, list[i].kernel, list[i].name);
    check(list[0].kernel, of_tier, tier);
}

#endif
