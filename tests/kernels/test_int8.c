/* test_int8.c: products of bytes of the tier in $CLIPSEG_CPU: the same integers as plain arithmetic for any
 * activations, weights bounded as promised, rows to bytes and back, operands that end at a page that must not
 * be touched. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "kernels/int8.h"
#include "tests/kernels/guarded.h"
#include "tests/kernels/tier.h"

static struct kernels kernels;
static unsigned long long seed = 11;

/* A packed random matrix [n, k]; one feature in five has outliers. */
struct weights {
    size_t n, k;
    float *w;
    int8_t *packed;
    float *scale;
    int32_t *sum;
};

static struct weights random_weights(size_t n, size_t k)
{
    struct weights m = {n, k, malloc(n * k * sizeof(float)), NULL, guarded(n), (int32_t *)(void *)guarded(n)};

    if (!m.w || posix_memalign((void **)&m.packed, 64, int8_packed_size(n, k)))
        abort();
    for (size_t i = 0; i < n * k; i++)
        m.w[i] = test_random(&seed) * (i / k % 5 == 0 && i % 37 == 0 ? 20.0f : 1.0f);
    int8_t *scratch = malloc(round_up(k, INT8_STEP));
    if (!scratch)
        abort();
    int8_pack(n, k, m.w, k, m.packed, scratch, m.scale, m.sum);
    free(scratch);
    return m;
}

static void free_weights(struct weights *m)
{
    free(m->w);
    free(m->packed);
}

/* The byte of feature j at k. */
static int weight(const struct weights *m, size_t j, size_t k)
{
    size_t padded = round_up(m->k, INT8_STEP);
    return m->packed[j / PANEL * PANEL * padded + k / 4 * 4 * PANEL + j % PANEL * 4 + k % 4];
}

static void weights_keep_the_bound_of_sixteen_bits(void)
{
    static const size_t groups[2][4] = {{0, 1, 4, 5}, {2, 3, 6, 7}};
    struct weights m = random_weights(37, 203);
    bool bounded = true, near = true, summed = true;

    for (size_t j = 0; j < m.n; j++) {
        int total = 0;
        for (size_t k = 0; k < round_up(m.k, INT8_STEP); k++)
            total += weight(&m, j, k);
        summed = summed && total == m.sum[j];
        for (size_t step = 0; step < m.k; step += INT8_STEP)
            for (size_t g = 0; g < 2; g++) {
                int positive = 0, negative = 0;
                for (size_t i = 0; i < 4; i++) {
                    int q = weight(&m, j, step + groups[g][i]);
                    positive += q > 0 ? q : 0;
                    negative += q < 0 ? q : 0;
                }
                bounded = bounded && positive <= 128 && negative >= -128;
            }
        for (size_t k = 0; k < m.k; k++) /* rounding, and at most two steps of what was taken back */
            near =
                near && fabsf((float)weight(&m, j, k) * m.scale[j] - m.w[j * m.k + k]) <= 2.01f * m.scale[j];
    }
    CHECK(bounded);
    CHECK(near);
    CHECK(summed);
    free_weights(&m);
}

static double activate(double x, enum gemm_activation activation)
{
    switch (activation) {
    case GEMM_RELU:
        return x < 0.0 ? 0.0 : x;
    case GEMM_QUICK_GELU:
        return x / (1.0 + exp(-1.702 * x));
    case GEMM_GELU:
        return 0.5 * x * (1.0 + erf(x * 0.70710678118654752));
    default:
        return x;
    }
}

/* A product of random operands. c holds what `before` says until a kernel has run. */
struct product {
    struct gemm_int8 g;
    struct weights b;
    float *c, *before;
    size_t c_size;
};

/* fill: the byte of every activation, or -1 for random ones */
static struct product random_product(size_t m, size_t n, size_t k, int fill, enum gemm_activation activation,
                                     bool residual)
{
    size_t padded = round_up(k, INT8_STEP), c_stride = n + 1, c_size = m * c_stride - 1;
    uint8_t *a = guarded_bytes(m * padded);
    float *a_scale = guarded(m), *bias = guarded(n);
    int32_t *a_zero = (int32_t *)(void *)guarded(m);
    struct product p = {
        .b = random_weights(n, k), .c = guarded(c_size), .before = guarded(c_size), .c_size = c_size};

    for (size_t i = 0; i < m * padded; i++)
        a[i] = fill < 0 ? (uint8_t)(127.5f + 127.5f * test_random(&seed)) : (uint8_t)fill;
    for (size_t i = 0; i < m; i++) {
        a_scale[i] = 0.01f + 0.001f * (float)i;
        a_zero[i] = (int32_t)(i * 31 % 256);
    }
    for (size_t j = 0; j < n; j++)
        bias[j] = test_random(&seed);
    for (size_t i = 0; i < c_size; i++)
        p.c[i] = p.before[i] = test_random(&seed);
    p.g = (struct gemm_int8){.m = m,
                             .n = n,
                             .k = padded,
                             .a = a,
                             .a_stride = padded,
                             .a_scale = a_scale,
                             .a_zero = a_zero,
                             .b = p.b.packed,
                             .panel_stride = padded * PANEL,
                             .b_scale = p.b.scale,
                             .b_sum = p.b.sum,
                             .bias = bias,
                             .residual = residual ? p.c : NULL,
                             .activation = activation,
                             .c = p.c,
                             .c_stride = c_stride};
    return p;
}

/* Against plain arithmetic in double precision. */
static void check_product(size_t m, size_t n, size_t k, int fill, enum gemm_activation activation,
                          bool residual)
{
    struct product p = random_product(m, n, k, fill, activation, residual);
    const struct gemm_int8 *g = &p.g;
    double worst = 0.0;
    char text[120];

    kernels.gemm_int8(g);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            int64_t sum = -(int64_t)g->a_zero[i] * p.b.sum[j];
            for (size_t q = 0; q < g->k; q++)
                sum += (int64_t)g->a[i * g->k + q] * weight(&p.b, j, q);
            double want = activate(
                (double)sum * (double)g->a_scale[i] * (double)p.b.scale[j] + (double)g->bias[j], activation);
            want += residual ? (double)p.before[i * g->c_stride + j] : 0.0;
            worst = fmax(worst, fabs((double)p.c[i * g->c_stride + j] - want) / (1.0 + fabs(want)));
        }
    snprintf(text, sizeof text, "%zu x %zu x %zu, bytes %d: off by %.1e", m, n, k, fill, worst);
    CHECK_TEXT(worst < 2e-6, text);
    for (size_t i = 0; i + 1 < m; i++)
        CHECK_TEXT(p.c[i * g->c_stride + n] == p.before[i * g->c_stride + n], "wrote between the rows");
    free_weights(&p.b);
}

/* Against the reference, to the last bit. */
static void check_bits(gemm_int8_kernel *reference, gemm_int8_kernel *kernel, const char *name)
{
    for (size_t i = 1; i <= 40; i++) {
        struct product p = random_product(1 + i % 29, i * 5 % 67 + 1, 1 + i * 11 % 150, i % 7 ? -1 : 255,
                                          i % 3 ? GEMM_NONE : GEMM_RELU, i % 3 == 1);
        float *expected = malloc(p.c_size * sizeof *expected);
        if (i % 4 == 0)
            p.g.bias = NULL;
        reference(&p.g);
        memcpy(expected, p.c, p.c_size * sizeof *expected);
        memcpy(p.c, p.before, p.c_size * sizeof *expected);
        kernel(&p.g);
        CHECK_TEXT(!memcmp(expected, p.c, p.c_size * sizeof *expected), name);
        free(expected);
        free_weights(&p.b);
    }
}

static void every_product_has_the_bits_of_the_reference(void)
{
    struct gemm_int8_entry list[GEMM_INT8_MOST];
    size_t count = gemm_int8_list(list);

    for (size_t i = 1; i < count; i++)
        if (list[i].runs)
            check_bits(list[0].kernel, list[i].kernel, list[i].name);
    check_bits(list[0].kernel, kernels.gemm_int8, kernels.name);
}

static void products_of_odd_sizes_are_exact(void)
{
    for (size_t i = 1; i <= 40; i++)
        check_product(1 + i % 13, i, 1 + i * 7 % 90, -1, GEMM_NONE, i % 2);
    check_product(31, 48, 768, -1, GEMM_NONE, false);
}

static void the_largest_activations_do_not_saturate(void)
{
    check_product(5, 33, 512, 255, GEMM_NONE, false);
    check_product(5, 33, 512, 0, GEMM_NONE, false);
}

static void activations_follow_the_product(void)
{
    for (int activation = GEMM_RELU; activation <= GEMM_GELU; activation++)
        check_product(7, 29, 64, -1, (enum gemm_activation)activation, false);
}

static void rows_come_back_within_half_a_step(void)
{
    for (size_t n = 1; n <= 40; n++) {
        size_t padded = round_up(n, INT8_STEP);
        float *x = guarded(3 * n), scale[3];
        uint8_t *bytes = guarded_bytes(3 * padded);
        int32_t zero[3];
        bool right = true;
        for (size_t i = 0; i < 3 * n; i++) /* signed, positive only, negative only */
            x[i] = i / n == 0 ? 9.0f * test_random(&seed)
                              : (i / n == 1 ? 1.0f : -1.0f) * fabsf(test_random(&seed));
        kernels.quantize_rows(3, n, x, n, bytes, padded, scale, zero);
        for (size_t i = 0; i < 3 * n; i++) {
            float back = scale[i / n] * (float)(bytes[i / n * padded + i % n] - zero[i / n]);
            right = right && fabsf(back - x[i]) <= 1.001f * scale[i / n];
        }
        for (size_t i = 0; i < 3; i++)
            for (size_t j = n; j < padded; j++)
                right = right && bytes[i * padded + j] == 0;
        CHECK(right);
    }
}

static void bytes_of_rows_are_those_of_the_reference(void)
{
    struct kernels reference;

    CHECK(kernels_init(&reference, "scalar"));
    for (size_t n = 1; n <= 70; n++) {
        size_t padded = round_up(n, INT8_STEP);
        float *x = guarded(n), scale[2];
        uint8_t *bytes[2] = {guarded_bytes(padded), guarded_bytes(padded)};
        int32_t zero[2];
        for (size_t i = 0; i < n; i++)
            x[i] = (n % 3 ? 4.0f : 1e-30f) * test_random(&seed);
        reference.quantize_rows(1, n, x, n, bytes[0], padded, &scale[0], &zero[0]);
        kernels.quantize_rows(1, n, x, n, bytes[1], padded, &scale[1], &zero[1]);
        CHECK(!memcmp(bytes[0], bytes[1], padded) && scale[0] == scale[1] && zero[0] == zero[1]);
    }
}

static void rows_of_zeros_and_of_no_numbers(void)
{
    float x[2][9] = {{0}, {1.0f, NAN, 2.0f}}, scale[2];
    uint8_t bytes[2 * 16];
    int32_t zero[2];

    kernels.quantize_rows(2, 9, x[0], 9, bytes, 16, scale, zero);
    CHECK(scale[0] == 0.0f && zero[0] == 0 && isnan(scale[1]));
    x[1][1] = INFINITY;
    kernels.quantize_rows(1, 9, x[1], 9, bytes, 16, scale, zero);
    CHECK(isnan(scale[0]));
}

static const struct test tests[] = {
    {"weights_keep_the_bound_of_sixteen_bits", weights_keep_the_bound_of_sixteen_bits},
    {"products_of_odd_sizes_are_exact", products_of_odd_sizes_are_exact},
    {"the_largest_activations_do_not_saturate", the_largest_activations_do_not_saturate},
    {"activations_follow_the_product", activations_follow_the_product},
    {"every_product_has_the_bits_of_the_reference", every_product_has_the_bits_of_the_reference},
    {"bytes_of_rows_are_those_of_the_reference", bytes_of_rows_are_those_of_the_reference},
    {"rows_come_back_within_half_a_step", rows_come_back_within_half_a_step},
    {"rows_of_zeros_and_of_no_numbers", rows_of_zeros_and_of_no_numbers},
};

int main(void)
{
    test_tier(&kernels);
    return test_main(tests, sizeof tests / sizeof *tests);
}
