/* test_int8.c: products of bytes of the tier in $CLIPSEG_CPU: the same integers as plain arithmetic for any
 * activations, weights bounded as promised, rows to bytes and back, operands that end at a page that must not
 * be touched. */
#include "kernels/int8.h"
#include "tests/kernels/integer_product.h"

static struct kernels kernels;

/* Bytes of weights w: [n, k], with b_scale and b_sum of a product. */
static void quantize_weights(struct gemm_integers *g, const float *w, size_t in)
{
    int8_t *packed = packed_memory(int8_packed_size(g->n, in)), *scratch = malloc(g->k);
    float *scale = guarded(g->n);
    int32_t *sum = (int32_t *)(void *)guarded(g->n);

    if (!scratch)
        abort();
    int8_pack(g->n, in, w, in, packed, scratch, scale, sum);
    free(scratch);
    g->b_bytes = packed;
    g->b_scale = scale;
    g->b_sum = sum;
}

static void free_product(struct product *p)
{
    free((void *)(uintptr_t)p->g.b_bytes);
    free(p->w);
}

/* The byte of feature j at k. */
static int weight(const struct gemm_integers *g, size_t j, size_t k)
{
    return g->b_bytes[j / PANEL * g->panel_stride + k / 4 * 4 * PANEL + j % PANEL * 4 + k % 4];
}

/* fill: the byte of every activation, or -1 for random ones */
static struct product random_product(size_t m, size_t n, size_t k, int fill, enum gemm_activation activation,
                                     bool residual)
{
    struct product p = begin_product(m, n, k, 0.01f, activation, residual);
    uint8_t *a = guarded_bytes(m * p.g.k);
    int32_t *a_zero = (int32_t *)(void *)guarded(m);

    for (size_t i = 0; i < m * p.g.k; i++)
        a[i] = fill < 0 ? (uint8_t)(127.5f + 127.5f * test_random(&seed)) : (uint8_t)fill;
    for (size_t i = 0; i < m; i++)
        a_zero[i] = (int32_t)(i * 31 % 256);
    p.g.a_bytes = a;
    p.g.a_zero = a_zero;
    quantize_weights(&p.g, p.w, k);
    return p;
}

static void weights_keep_the_bound_of_sixteen_bits(void)
{
    static const size_t groups[2][4] = {{0, 1, 4, 5}, {2, 3, 6, 7}};
    struct product p = random_product(1, 37, 203, -1, GEMM_NONE, false);
    const struct gemm_integers *g = &p.g;
    bool bounded = true, near = true, summed = true;

    for (size_t j = 0; j < g->n; j++) {
        int total = 0;
        for (size_t k = 0; k < g->k; k++)
            total += weight(g, j, k);
        summed = summed && total == g->b_sum[j];
        for (size_t step = 0; step < p.in; step += INTEGER_STEP)
            for (size_t half = 0; half < 2; half++) {
                int positive = 0, negative = 0;
                for (size_t i = 0; i < 4; i++) {
                    int q = weight(g, j, step + groups[half][i]);
                    positive += q > 0 ? q : 0;
                    negative += q < 0 ? q : 0;
                }
                bounded = bounded && positive <= 128 && negative >= -128;
            }
        for (size_t k = 0; k < p.in; k++) /* rounding, and at most two steps of what was taken back */
            near = near &&
                   fabsf((float)weight(g, j, k) * g->b_scale[j] - p.w[j * p.in + k]) <= 2.01f * g->b_scale[j];
    }
    CHECK(bounded);
    CHECK(near);
    CHECK(summed);
    free_product(&p);
}

/* Against plain arithmetic. */
static void check_product(size_t m, size_t n, size_t k, int fill, enum gemm_activation activation,
                          bool residual)
{
    struct product p = random_product(m, n, k, fill, activation, residual);
    const struct gemm_integers *g = &p.g;
    double worst = 0.0;
    char text[120];

    kernels.gemm_int8(g);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            int64_t sum = -(int64_t)g->a_zero[i] * g->b_sum[j];
            for (size_t q = 0; q < g->k; q++)
                sum += (int64_t)g->a_bytes[i * g->k + q] * weight(g, j, q);
            worst = fmax(worst, error_of(&p, i, j, sum));
        }
    snprintf(text, sizeof text, "%zu x %zu x %zu, bytes %d: off by %.1e", m, n, k, fill, worst);
    CHECK_TEXT(worst < 2e-6, text);
    check_gaps(&p);
    free_product(&p);
}

static void check_random_bits(gemm_integers_kernel *reference, gemm_integers_kernel *kernel, const char *name)
{
    for (size_t i = 1; i <= 40; i++) {
        struct product p = random_product(1 + i % 29, i * 5 % 67 + 1, 1 + i * 11 % 150, i % 7 ? -1 : 255,
                                          i % 3 ? GEMM_NONE : GEMM_RELU, i % 3 == 1);
        if (i % 4 == 0)
            p.g.bias = NULL;
        check_same_bits(&p, reference, kernel, name);
        free_product(&p);
    }
}

static void every_product_has_the_bits_of_the_reference(void)
{
    struct gemm_integers_entry list[GEMM_INTEGERS_MOST];

    check_list(list, gemm_int8_list(list), kernels.gemm_int8, kernels.name, check_random_bits);
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
        size_t padded = round_up(n, INTEGER_STEP);
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
        size_t padded = round_up(n, INTEGER_STEP);
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
