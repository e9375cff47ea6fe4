/* test_kernels.c: every kernel of the tier in $CLIPSEG_CPU against double precision: odd sizes, every tail,
 * operands that end at a page that must not be touched, NaN and infinities. */
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "tests/kernels/activate.h"
#include "tests/kernels/guarded.h"
#include "tests/kernels/tier.h"

static struct kernels kernels;
static unsigned long long seed = 42;

static float *random_guarded(size_t count, float scale)
{
    float *x = guarded(count);

    for (size_t i = 0; i < count; i++)
        x[i] = scale * test_random(&seed);
    return x;
}

static bool close_to(double x, double reference, double tolerance)
{
    if (isnan(reference))
        return isnan(x);
    if (isinf(reference))
        return x == reference;
    return fabs(x - reference) <= tolerance * (1.0 + fabs(reference));
}

/* ---- packing and products */

static void check_gemm(size_t m, size_t n, size_t k, enum gemm_activation activation, bool bias,
                       bool residual)
{
    size_t panels = (n + PANEL - 1) / PANEL, stride = k + 3, c_stride = n + 1;
    float *a = random_guarded(m * stride - 3, 1.0f), *w = random_guarded(n * k, 1.0f), *b;
    float *biases = random_guarded(n, 1.0f), *c = guarded(m * c_stride - 1);
    float *before = malloc(m * c_stride * sizeof *before);
    char text[120];
    double worst = 0.0;

    if (posix_memalign((void **)&b, 64, panels * PANEL * k * sizeof *b))
        abort();
    kernels.pack_rows(n, k, w, k, b);
    for (size_t i = 0; i < m * c_stride - 1; i++)
        c[i] = before[i] = residual ? test_random(&seed) : 77.0f;
    kernels.gemm(&(struct gemm){.m = m,
                                .n = n,
                                .k = k,
                                .a = a,
                                .a_stride = stride,
                                .b = b,
                                .panel_stride = k * PANEL,
                                .bias = bias ? biases : NULL,
                                .residual = residual ? c : NULL,
                                .activation = activation,
                                .c = c,
                                .c_stride = c_stride});
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = bias ? (double)biases[j] : 0.0;
            for (size_t p = 0; p < k; p++)
                sum += (double)a[i * stride + p] * (double)w[j * k + p];
            sum = activate(sum, activation) + (residual ? (double)before[i * c_stride + j] : 0.0);
            worst = fmax(worst, fabs((double)c[i * c_stride + j] - sum) / (1.0 + sqrt((double)k)));
        }
    snprintf(text, sizeof text, "gemm %zu x %zu x %zu, activation %d: off by %.1e", m, n, k, (int)activation,
             worst);
    CHECK_TEXT(worst < 2e-6, text);
    for (size_t i = 0; i + 1 < m; i++)
        CHECK_TEXT(c[i * c_stride + n] == before[i * c_stride + n], "gemm wrote between the rows");
    free(before);
    free(b);
}

static void gemm_odd_sizes_and_tails(void)
{
    static const size_t ks[] = {1, 2, 7, 64, 255, 256, 257, 700};

    for (size_t m = 1; m <= 27; m += 1)
        check_gemm(m, 1 + m * 5 % 53, ks[m % 8], GEMM_NONE, m % 2, m % 3 == 0);
    for (size_t n = 1; n <= 50; n++)
        check_gemm(1 + n % 13, n, ks[n % 8], GEMM_NONE, n % 2, n % 5 == 0);
    check_gemm(485, 96, 768, GEMM_NONE, true, true);
}

static void gemm_activations(void)
{
    for (int activation = GEMM_NONE; activation <= GEMM_GELU; activation++) {
        check_gemm(7, 33, 40, (enum gemm_activation)activation, true, false);
        check_gemm(13, 16, 600, (enum gemm_activation)activation, false, false);
    }
}

static void gemm_nan_and_infinity_pass_through(void)
{
    float a[2] = {NAN, 1.0f}, c[2 * PANEL];
    float b[PANEL] __attribute__((aligned(64)));

    for (size_t i = 0; i < PANEL; i++)
        b[i] = i == 3 ? INFINITY : 1.0f;
    for (int activation = GEMM_NONE; activation <= GEMM_GELU; activation++) {
        kernels.gemm(&(struct gemm){.m = 2,
                                    .n = PANEL,
                                    .k = 1,
                                    .a = a,
                                    .a_stride = 1,
                                    .b = b,
                                    .panel_stride = PANEL,
                                    .activation = (enum gemm_activation)activation,
                                    .c = c,
                                    .c_stride = PANEL});
        CHECK(isnan(c[0]));
        CHECK(isinf(c[PANEL + 3]));
        CHECK(isfinite(c[PANEL]));
    }
}

static void packing_pads_with_zeros(void)
{
    for (size_t rows = 1; rows <= 35; rows += 2)
        for (size_t columns = 1; columns <= 21; columns += 4) {
            size_t stride = columns + 2, panels = (rows + PANEL - 1) / PANEL,
                   wide = (columns + PANEL - 1) / PANEL;
            float *x = random_guarded(rows * stride - 2, 1.0f);
            float *by_rows = guarded(panels * columns * PANEL), *by_columns = guarded(wide * rows * PANEL);
            bool right = true;
            kernels.pack_rows(rows, columns, x, stride, by_rows);
            kernels.pack_columns(rows, columns, x, stride, by_columns);
            for (size_t i = 0; i < panels * PANEL; i++)
                for (size_t j = 0; j < columns; j++)
                    right = right && by_rows[(i / PANEL * columns + j) * PANEL + i % PANEL] ==
                                         (i < rows ? x[i * stride + j] : 0.0f);
            for (size_t i = 0; i < rows; i++)
                for (size_t j = 0; j < wide * PANEL; j++)
                    right = right && by_columns[(j / PANEL * rows + i) * PANEL + j % PANEL] ==
                                         (j < columns ? x[i * stride + j] : 0.0f);
            CHECK(right);
        }
}

/* Every number of half precision, and every length. */
static void halves_become_floats_exactly(void)
{
    size_t count = 0x10000;
    uint16_t *all = (uint16_t *)(void *)guarded_bytes(count * sizeof *all);
    float *out = guarded(count);
    bool right = true;

    for (size_t i = 0; i < count; i++)
        all[i] = (uint16_t)i;
    kernels.expand_half(count, all, out);
    for (size_t i = 0; i < count; i++) {
        int exponent = (int)(i >> 10 & 31), mantissa = (int)(i & 1023);
        double value = exponent == 31 ? (mantissa ? NAN : INFINITY)
                       : exponent     ? ldexp(1024 + mantissa, exponent - 25)
                                      : ldexp(mantissa, -24);
        right = right && (isnan(value) ? isnan(out[i]) : (double)out[i] == (i >> 15 ? -value : value));
    }
    CHECK(right);
    for (size_t length = 0; length < 40; length++) {
        float *exact = guarded(length);
        kernels.expand_half(length, all + count - length, exact);
        right = right && (!length || isnan(exact[length - 1]));
    }
    CHECK(right);
}

/* ---- rows */

static void layer_norm_every_length(void)
{
    for (size_t n = 1; n <= 70; n++) {
        size_t rows = 3, stride = n + 1;
        float *x = random_guarded(rows * stride - 1, 5.0f), *gamma = random_guarded(n, 1.0f);
        float *beta = random_guarded(n, 1.0f), *out = guarded(rows * n);
        bool right = true;
        kernels.layer_norm(rows, n, x, stride, gamma, beta, 1e-5f, out, n);
        for (size_t r = 0; r < rows; r++) {
            double mean = 0.0, variance = 0.0;
            for (size_t i = 0; i < n; i++)
                mean += (double)x[r * stride + i] / (double)n;
            for (size_t i = 0; i < n; i++)
                variance += pow((double)x[r * stride + i] - mean, 2.0) / (double)n;
            for (size_t i = 0; i < n; i++)
                right = right && close_to((double)out[r * n + i],
                                          ((double)x[r * stride + i] - mean) / sqrt(variance + 1e-5) *
                                                  (double)gamma[i] +
                                              (double)beta[i],
                                          2e-5);
        }
        CHECK(right);
    }
}

static void softmax_every_length_and_mask(void)
{
    for (size_t n = 1; n <= 70; n++) {
        size_t valid[2] = {n, (n + 1) / 2};
        float *x = random_guarded(2 * n, 30.0f), *before = malloc(2 * n * sizeof *before);
        bool right = true;
        memcpy(before, x, 2 * n * sizeof *before);
        kernels.softmax(2, n, valid, x, n);
        for (size_t r = 0; r < 2; r++) {
            double maximum = -INFINITY, sum = 0.0;
            for (size_t i = 0; i < valid[r]; i++)
                maximum = fmax(maximum, (double)before[r * n + i]);
            for (size_t i = 0; i < valid[r]; i++)
                sum += exp((double)before[r * n + i] - maximum);
            for (size_t i = 0; i < n; i++) {
                double want = i < valid[r] ? exp((double)before[r * n + i] - maximum) / sum : 0.0;
                right = right && fabs((double)x[r * n + i] - want) < 1e-6;
            }
        }
        CHECK(right);
        free(before);
    }
}

static void softmax_of_large_numbers_stays_finite(void)
{
    float x[3] = {1e30f, 1e30f, -1e30f};

    kernels.softmax(1, 3, NULL, x, 3);
    CHECK(fabsf(x[0] - 0.5f) < 1e-6f && fabsf(x[1] - 0.5f) < 1e-6f && x[2] == 0.0f);
}

/* ---- pixels */

static void enlargement_is_bilinear_then_sigmoid(void)
{
    for (size_t width = 1; width <= 40; width++) {
        float *top = random_guarded(9, 8.0f), *bottom = random_guarded(9, 8.0f),
              *weight = random_guarded(width, 0.5f);
        float *out = guarded(width);
        int32_t *left = (int32_t *)(void *)guarded(width);
        bool right = true;
        for (size_t i = 0; i < width; i++) {
            weight[i] += 0.5f;
            left[i] = (int32_t)(i % 8);
        }
        kernels.enlarge_row(width, top, bottom, 0.25f, left, weight, out);
        for (size_t i = 0; i < width; i++) {
            double w = (double)weight[i];
            double upper = (1.0 - w) * (double)top[left[i]] + w * (double)top[left[i] + 1];
            double lower = (1.0 - w) * (double)bottom[left[i]] + w * (double)bottom[left[i] + 1];
            right =
                right && close_to((double)out[i], 1.0 / (1.0 + exp(-(0.75 * upper + 0.25 * lower))), 1e-6);
        }
        CHECK(right);
    }
}

static void pixels_are_scaled_per_channel(void)
{
    const float scale[3] = {0.5f, 2.0f, -1.0f}, offset[3] = {1.0f, -3.0f, 0.25f};
    uint8_t rgb[3 * 19];
    float *planes[3] = {guarded(19), guarded(19), guarded(19)};

    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)(i * 37);
    kernels.normalize_row(19, rgb, scale, offset, planes[0], planes[1], planes[2]);
    for (size_t x = 0; x < 19; x++)
        for (size_t c = 0; c < 3; c++)
            CHECK(planes[c][x] == (float)rgb[3 * x + c] * scale[c] + offset[c]);
}

/* ---- bytes */

/* count bytes whose last one ends at an unreadable page; `extreme` ones are all -127 or 127. */
static int8_t *random_bytes(size_t count, bool extreme)
{
    int8_t *x = (int8_t *)guarded((count + 3) / 4) + (count + 3) / 4 * 4 - count;

    for (size_t i = 0; i < count; i++)
        x[i] = (int8_t)(extreme ? (test_random(&seed) < 0.0f ? -127 : 127) : 127.4f * test_random(&seed));
    return x;
}

static void check_dot(size_t rows, size_t n, size_t stride, bool extreme)
{
    int8_t *x = random_bytes((rows - 1) * stride + n, extreme), *y = random_bytes(n, extreme);
    int32_t *out = (int32_t *)(void *)guarded(rows);

    if (extreme) /* the largest sum there can be */
        memcpy(x, y, n);
    kernels.dot_bytes(rows, n, x, stride, y, out);
    for (size_t r = 0; r < rows; r++) {
        int64_t sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += (int64_t)x[r * stride + i] * y[i];
        CHECK(out[r] == sum);
    }
}

static void products_of_bytes_are_exact(void)
{
    for (size_t n = 1; n <= 200; n++)
        check_dot(1 + n % 5, n, n + n % 3, n % 4 == 0);
    check_dot(3, 512, 512, false);
    check_dot(3, 512, 512, true);
    check_dot(2, 65536, 65536, true);
}

static void unknown_tier_is_refused(void)
{
    struct kernels table;

    CHECK(!kernels_init(&table, "sse9"));
    CHECK(kernels_init(&table, "scalar") && !strcmp(table.name, "scalar"));
}

static const struct test tests[] = {
    {"gemm_odd_sizes_and_tails", gemm_odd_sizes_and_tails},
    {"gemm_activations", gemm_activations},
    {"gemm_nan_and_infinity_pass_through", gemm_nan_and_infinity_pass_through},
    {"packing_pads_with_zeros", packing_pads_with_zeros},
    {"halves_become_floats_exactly", halves_become_floats_exactly},
    {"layer_norm_every_length", layer_norm_every_length},
    {"softmax_every_length_and_mask", softmax_every_length_and_mask},
    {"softmax_of_large_numbers_stays_finite", softmax_of_large_numbers_stays_finite},
    {"enlargement_is_bilinear_then_sigmoid", enlargement_is_bilinear_then_sigmoid},
    {"pixels_are_scaled_per_channel", pixels_are_scaled_per_channel},
    {"products_of_bytes_are_exact", products_of_bytes_are_exact},
    {"unknown_tier_is_refused", unknown_tier_is_refused},
};

int main(void)
{
    test_tier(&kernels);
    return test_main(tests, sizeof tests / sizeof *tests);
}
