/* test_int16.c: products of words of the tier in $CLIPSEG_CPU: the same sums as plain arithmetic, weights
 * bounded as promised, rows to words and back, operands that end at a page that must not be touched. */
#include "kernels/int16.h"
#include "tests/kernels/integer_product.h"

#define UNIT 1e-4f

static struct kernels kernels;

static void quantize_weights(struct product *p)
{
    int16_t *packed = packed_memory(int16_packed_size(p->g.n, p->in) * sizeof *packed);
    float *scale = guarded(p->g.n);

    int16_pack(p->g.n, p->in, p->w, p->in, packed, scale);
    p->g.b_words = packed;
    p->g.b_scale = scale;
}

static int16_t *guarded_words(size_t count)
{
    return (int16_t *)(void *)guarded_bytes(count * sizeof(int16_t));
}

static void free_product(struct product *p)
{
    free((void *)(uintptr_t)p->g.b_words);
    free(p->w);
}

/* The word of feature j at k. */
static int weight(const struct gemm_integers *g, size_t j, size_t k)
{
    return g->b_words[j / PANEL * g->panel_stride + k / 2 * 2 * PANEL + j % PANEL * 2 + k % 2];
}

static struct product random_product(size_t m, size_t n, size_t k, enum gemm_activation activation,
                                     bool residual)
{
    struct product p = begin_product(m, n, k, UNIT, activation, residual);
    int16_t *a = guarded_words(m * p.g.k);

    for (size_t i = 0; i < m * p.g.k; i++)
        a[i] = (int16_t)(WORDS_MOST_ACTIVATION * test_random(&seed));
    p.g.a_words = a;
    quantize_weights(&p);
    return p;
}

/* The largest activations, of each weight's sign: no sum can be larger. */
static struct product extreme_product(size_t n, size_t k)
{
    struct product p = begin_product(n, n, k, UNIT, GEMM_NONE, false);
    int16_t *a = guarded_words(n * p.g.k);

    for (size_t i = 0; i < n * k; i++)
        p.w[i] = i / k % 3 ? copysignf(0.5f, p.w[i]) : p.w[i];
    quantize_weights(&p);
    for (size_t i = 0; i < n * p.g.k; i++)
        a[i] = weight(&p.g, i / p.g.k, i % p.g.k) < 0 ? -WORDS_MOST_ACTIVATION : WORDS_MOST_ACTIVATION;
    p.g.a_words = a;
    return p;
}

static void blocks_keep_the_bound_of_thirty_two_bits(void)
{
    struct product p = extreme_product(31, 2 * WORDS_BLOCK + 75);
    const struct gemm_integers *g = &p.g;
    bool bounded = true, near = true;
    int64_t most = 0;

    for (size_t j = 0; j < g->n; j++) {
        for (size_t start = 0; start < g->k; start += WORDS_BLOCK) {
            int64_t sum = 0;
            for (size_t k = start; k < size_min(g->k, start + WORDS_BLOCK); k++)
                sum += (int64_t)abs(weight(g, j, k)) * WORDS_MOST_ACTIVATION;
            most = sum > most ? sum : most;
        }
        for (size_t k = 0; k < p.in; k++) {
            float back = (float)weight(g, j, k) * g->b_scale[j];
            bounded = bounded && abs(weight(g, j, k)) <= WORDS_MOST_WEIGHT;
            near = near && fabsf(back - p.w[j * p.in + k]) <= 0.501f * g->b_scale[j];
        }
    }
    CHECK(bounded && near);
    CHECK(most <= INT32_MAX && most > INT32_MAX / 10 * 9); /* and uses the range */
    free_product(&p);
}

/* Against plain arithmetic. */
static void check_product(struct product p)
{
    const struct gemm_integers *g = &p.g;
    double worst = 0.0;
    char text[120];

    kernels.gemm_int16(g);
    for (size_t i = 0; i < g->m; i++)
        for (size_t j = 0; j < g->n; j++) {
            int64_t sum = 0;
            for (size_t q = 0; q < g->k; q++)
                sum += (int64_t)g->a_words[i * g->k + q] * weight(g, j, q);
            worst = fmax(worst, error_of(&p, i, j, sum));
        }
    snprintf(text, sizeof text, "%zu x %zu x %zu: off by %.1e", g->m, g->n, g->k, worst);
    CHECK_TEXT(worst < 2e-6, text);
    check_gaps(&p);
    free_product(&p);
}

static void products_of_odd_sizes_are_exact(void)
{
    for (size_t i = 1; i <= 40; i++)
        check_product(random_product(1 + i % 13, i, 1 + i * 7 % 90, GEMM_NONE, i % 2));
    for (size_t k = WORDS_BLOCK - 9; k <= 3 * WORDS_BLOCK + 9; k += WORDS_BLOCK / 2 + 9)
        check_product(random_product(31, 48, k, GEMM_NONE, false));
}

static void the_largest_sums_do_not_overflow(void)
{
    check_product(extreme_product(33, WORDS_BLOCK));
    check_product(extreme_product(20, 3 * WORDS_BLOCK));
}

static void activations_follow_the_product(void)
{
    for (int activation = GEMM_RELU; activation <= GEMM_GELU; activation++)
        check_product(random_product(7, 29, 64, (enum gemm_activation)activation, false));
}

static void check_random_bits(gemm_integers_kernel *reference, gemm_integers_kernel *kernel, const char *name)
{
    for (size_t i = 1; i <= 40; i++) {
        struct product p = random_product(1 + i % 29, i * 5 % 67 + 1, 1 + i * 41 % 600,
                                          i % 3 ? GEMM_NONE : GEMM_RELU, i % 3 == 1);
        if (i % 4 == 0)
            p.g.bias = NULL;
        if (i % 5 == 0) /* as a file might have them that breaks the bound */
            memset((void *)(uintptr_t)p.g.b_words, i % 2 ? 0x7f : 0x80,
                   int16_packed_size(p.g.n, p.in) * sizeof *p.g.b_words);
        check_same_bits(&p, reference, kernel, name);
        free_product(&p);
    }
}

static void every_product_has_the_bits_of_the_reference(void)
{
    struct gemm_integers_entry list[GEMM_INTEGERS_MOST];

    check_list(list, gemm_int16_list(list), kernels.gemm_int16, kernels.name, check_random_bits);
}

static void rows_come_back_within_half_a_step(void)
{
    struct kernels reference;

    CHECK(kernels_init(&reference, "scalar"));
    for (size_t n = 1; n <= 70; n++) {
        size_t padded = round_up(n, INTEGER_STEP);
        float *x = guarded(3 * n), scale[3], expected_scale[3];
        int16_t *words = guarded_words(3 * padded), *expected = guarded_words(3 * padded);
        bool right = true;
        for (size_t i = 0; i < 3 * n; i++)
            x[i] = (i / n == 2 ? 1e-30f : 9.0f) * test_random(&seed);
        memset(words, 0x55, 3 * padded * sizeof *words);
        reference.quantize_words(3, n, x, n, expected, padded, expected_scale);
        kernels.quantize_words(3, n, x, n, words, padded, scale);
        CHECK(!memcmp(words, expected, 3 * padded * sizeof *words));
        CHECK(!memcmp(scale, expected_scale, sizeof scale));
        for (size_t i = 0; i < 3 * n; i++) {
            float back = scale[i / n] * words[i / n * padded + i % n];
            right = right && fabsf(back - x[i]) <= 0.501f * scale[i / n];
            right = right && abs(words[i / n * padded + i % n]) <= WORDS_MOST_ACTIVATION;
        }
        for (size_t i = 0; i < 3; i++)
            for (size_t j = n; j < padded; j++)
                right = right && words[i * padded + j] == 0;
        CHECK(right);
    }
}

static void rows_of_zeros_and_of_no_numbers(void)
{
    float x[3][9] = {{0}, {1.0f, NAN, 2.0f}, {1e-44f, -1e-44f}}, scale[3];
    int16_t words[3 * 16];

    kernels.quantize_words(3, 9, x[0], 9, words, 16, scale);
    CHECK(scale[0] == 0.0f && isnan(scale[1]) && words[0] == 0 && words[2 * 16] == 0 &&
          words[2 * 16 + 1] == 0);
    for (size_t i = 0; i < 9; i++) {
        memset(x[0], 0, sizeof x[0]);
        x[0][i] = i % 2 ? INFINITY : -INFINITY;
        kernels.quantize_words(1, 9, x[0], 9, words, 16, scale);
        CHECK(isnan(scale[0]));
    }
}

/* A row that is not finite spoils itself and no other. */
static void rows_of_no_numbers_show_in_the_product(void)
{
    struct product p = random_product(9, 21, 40, GEMM_NONE, false);

    ((float *)(uintptr_t)p.g.a_scale)[4] = NAN;
    kernels.gemm_int16(&p.g);
    for (size_t i = 0; i < 9; i++)
        for (size_t j = 0; j < 21; j++)
            CHECK(isnan(p.c[i * p.g.c_stride + j]) == (i == 4));
    free_product(&p);
}

static const struct test tests[] = {
    {"blocks_keep_the_bound_of_thirty_two_bits", blocks_keep_the_bound_of_thirty_two_bits},
    {"products_of_odd_sizes_are_exact", products_of_odd_sizes_are_exact},
    {"the_largest_sums_do_not_overflow", the_largest_sums_do_not_overflow},
    {"activations_follow_the_product", activations_follow_the_product},
    {"every_product_has_the_bits_of_the_reference", every_product_has_the_bits_of_the_reference},
    {"rows_come_back_within_half_a_step", rows_come_back_within_half_a_step},
    {"rows_of_zeros_and_of_no_numbers", rows_of_zeros_and_of_no_numbers},
    {"rows_of_no_numbers_show_in_the_product", rows_of_no_numbers_show_in_the_product},
};

int main(void)
{
    test_tier(&kernels);
    return test_main(tests, sizeof tests / sizeof *tests);
}
