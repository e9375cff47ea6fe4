/* test_shape.c: masks are reshaped exactly, compared with the slow and obvious way. */
#include <math.h>
#include <string.h>

#include "segment/label_map.h"
#include "segment/shape.h"
#include "tests/test.h"

#define WIDTH 67
#define HEIGHT 41
#define PIXELS (WIDTH * HEIGHT)

static struct pool *pool;

/* Blobs and specks. */
static void fill(uint8_t *mask, unsigned long long seed, float density)
{
    for (size_t i = 0; i < PIXELS; i++)
        mask[i] = test_random(&seed) < density ? 1 : 0;
}

static double nearest(const uint8_t *mask, uint8_t value, long x, long y)
{
    double best = INFINITY;

    for (long v = 0; v < HEIGHT; v++)
        for (long u = 0; u < WIDTH; u++)
            if (mask[v * WIDTH + u] == value)
                best = fmin(best, (double)((u - x) * (u - x) + (v - y) * (v - y)));
    return best;
}

static void distances_are_exact(void)
{
    static uint8_t mask[PIXELS];
    static uint32_t squared[PIXELS];
    bool same = true;

    for (unsigned seed = 0; seed < 4; seed++) {
        fill(mask, seed, seed == 3 ? -0.999f : -0.9f + 0.5f * (float)seed);
        for (uint8_t value = 0; value < 2; value++) {
            REQUIRE(!distance_transform(pool, mask, value, WIDTH, HEIGHT, squared, NULL));
            for (long i = 0; i < PIXELS; i++) {
                double want = nearest(mask, value, i % WIDTH, i / WIDTH);
                same = same && (isinf(want) ? squared[i] == UINT32_MAX : (double)squared[i] == want);
            }
        }
    }
    CHECK(same);
    memset(mask, 0, sizeof mask);
    REQUIRE(!distance_transform(pool, mask, 1, WIDTH, HEIGHT, squared, NULL));
    CHECK(squared[0] == UINT32_MAX && squared[PIXELS - 1] == UINT32_MAX);
}

static void apply(struct shape_options options, const uint8_t *mask, float *out)
{
    for (size_t i = 0; i < PIXELS; i++)
        out[i] = mask[i] ? 0.6f : 0.3f;
    REQUIRE(!shape_apply(pool, &options, 0.5f, WIDTH, HEIGHT, out, NULL, NULL));
}

static void growing_and_shrinking_follow_the_euclidean_distance(void)
{
    static uint8_t mask[PIXELS];
    static float grown[PIXELS], shrunk[PIXELS], percent[PIXELS];
    bool same = true;

    fill(mask, 3, -0.95f);
    apply((struct shape_options){.grow = {3.2, false}}, mask, grown);
    apply((struct shape_options){.grow = {10.0, true}}, mask, percent); /* 4.1 pixels */
    for (long i = 0; i < PIXELS; i++) {
        double near = sqrt(nearest(mask, 1, i % WIDTH, i / WIDTH));
        same = same && grown[i] == (near <= 3.2 ? 1.0f : 0.0f) && percent[i] == (near <= 4.1 ? 1.0f : 0.0f);
    }
    CHECK(same);
    fill(mask, 4, 0.97f);
    apply((struct shape_options){.shrink = {2.0, false}}, mask, shrunk);
    for (long i = 0; i < PIXELS; i++)
        same = same && shrunk[i] == (sqrt(nearest(mask, 0, i % WIDTH, i / WIDTH)) > 2.0 ? 1.0f : 0.0f);
    CHECK(same);
}

static void an_empty_mask_does_not_grow_and_a_full_one_does_not_shrink(void)
{
    static uint8_t mask[PIXELS];
    static float out[PIXELS];

    apply((struct shape_options){.grow = {5.0, false}}, mask, out);
    CHECK(out[0] == 0.0f && out[PIXELS / 2] == 0.0f);
    memset(mask, 1, sizeof mask);
    apply((struct shape_options){.shrink = {5.0, false}, .feather = {4.0, false}}, mask, out);
    CHECK(out[0] == 1.0f && out[PIXELS / 2] == 1.0f);
}

/* The slow way: paint a part from one pixel over its neighbours until nothing changes. */
static size_t paint(const uint8_t *mask, size_t start, bool corners, uint8_t *part)
{
    size_t area = 1;
    bool changed = true;

    memset(part, 0, PIXELS);
    part[start] = 1;
    while (changed) {
        changed = false;
        for (long i = 0; i < PIXELS; i++) {
            bool touches = false;
            if (part[i] || mask[i] != mask[start])
                continue;
            for (long dy = -1; dy <= 1; dy++)
                for (long dx = -1; dx <= 1; dx++) {
                    long x = i % WIDTH + dx, y = i / WIDTH + dy;
                    if ((corners || !dx || !dy) && x >= 0 && x < WIDTH && y >= 0 && y < HEIGHT)
                        touches = touches || part[y * WIDTH + x];
                }
            if (touches) {
                part[i] = 1;
                area++;
                changed = true;
            }
        }
    }
    return area;
}

static void small_parts_are_dropped(void)
{
    static uint8_t mask[PIXELS], part[PIXELS];
    static float out[PIXELS];
    bool same = true;

    fill(mask, 11, -0.45f);
    apply((struct shape_options){.min_area = {7.0, false}}, mask, out);
    for (size_t i = 0; i < PIXELS; i++)
        same = same && out[i] == (mask[i] && paint(mask, i, true, part) >= 7 ? 1.0f : 0.0f);
    CHECK(same);
}

static void enclosed_holes_are_filled(void)
{
    static uint8_t mask[PIXELS], part[PIXELS];
    static float out[PIXELS];
    bool same = true;

    fill(mask, 12, 0.2f);
    apply((struct shape_options){.fill_holes = true}, mask, out);
    for (size_t i = 0; i < PIXELS; i++) {
        bool open = false;
        if (!mask[i])
            paint(mask, i, false, part);
        for (size_t k = 0; !mask[i] && k < PIXELS; k++)
            open = open || (part[k] &&
                            (k < WIDTH || k >= PIXELS - WIDTH || k % WIDTH == 0 || k % WIDTH == WIDTH - 1));
        same = same && out[i] == (open ? 0.0f : 1.0f);
    }
    CHECK(same);
}

static void feathering_is_a_ramp_whose_middle_is_the_edge(void)
{
    static uint8_t mask[PIXELS];
    static float out[PIXELS];

    for (size_t i = 0; i < PIXELS; i++)
        mask[i] = i % WIDTH >= 30;
    apply((struct shape_options){.feather = {8.0, false}}, mask, out);
    for (size_t x = 0; x < WIDTH; x++) {
        double want = fmin(fmax(0.5 + ((double)x - 29.5) / 8.0, 0.0), 1.0);
        CHECK(fabs((double)out[20 * WIDTH + x] - want) < 1e-6);
    }
    apply((struct shape_options){.feather = {8.0, false}, .invert = true}, mask, out);
    CHECK(out[0] == 1.0f && out[WIDTH - 1] == 0.0f);
}

/* Two parts, one of them small, one with a hole; all with soft edges. */
static void soft_scene(uint8_t *mask, uint8_t *alpha)
{
    for (long i = 0; i < PIXELS; i++) {
        double x = (double)(i % WIDTH), y = (double)(i / WIDTH);
        double inside = fmax(12.3 - hypot(x - 20.0, y - 20.0), 3.2 - hypot(x - 50.0, y - 20.0));
        inside = fmin(inside, hypot(x - 20.0, y - 20.0) - 3.4);
        alpha[i] = (uint8_t)lrint(255.0 * fmin(fmax(0.5 + inside / 6.0, 0.0), 1.0));
        mask[i] = alpha[i] > 127;
    }
}

static void coverage_stays_soft_where_the_edge_did_not_move(void)
{
    static uint8_t mask[PIXELS], soft[PIXELS], alpha[PIXELS];
    static float out[PIXELS];
    const struct shape_options options[] = {{.min_area = {60.0, false}},
                                            {.fill_holes = true},
                                            {.invert = true},
                                            {.min_area = {1.0, false}},
                                            {.grow = {2.0, false}}};

    soft_scene(mask, soft);
    for (size_t o = 0; o < sizeof options / sizeof *options; o++) {
        bool same = true;
        memcpy(alpha, soft, sizeof alpha);
        for (size_t i = 0; i < PIXELS; i++)
            out[i] = mask[i];
        REQUIRE(!shape_apply(pool, &options[o], 0.5f, WIDTH, HEIGHT, out, alpha, NULL));
        for (long i = 0; i < PIXELS; i++) {
            double x = (double)(i % WIDTH), y = (double)(i / WIDTH), from = hypot(x - 20.0, y - 20.0);
            uint8_t want = o == 0   ? (x < 40.0 ? soft[i] : 0)     /* the speck goes with its fringe */
                           : o == 1 ? (from < 7.0 ? 255 : soft[i]) /* the hole with its own */
                           : o == 2 ? (uint8_t)(255 - soft[i])
                           : o == 3 ? soft[i]
                                    : (uint8_t)(out[i] * 255.0f); /* a moved edge is hard */
            same = same && alpha[i] == want;
        }
        CHECK(same);
    }
}

/* ---- label maps */

static void labels_follow_three_rules(void)
{
    const float a[] = {0.05f, 0.10f, 0.60f, 0.50f, 0.30f}, b[] = {0.02f, 0.00f, 0.60f, 0.58f, 0.20f};
    const float background[] = {0.01f, 0.04f, 0.20f, 0.10f, 0.05f};
    struct label_rule guide = {.threshold = 0.1f}, authors = {.background_weight = 3.0f},
                      band = {.threshold = 0.1f, .band = 0.09f};
    const uint16_t want[3][5] = {
        {0, 0, 1, 2, 1}, {1, 0, 0, 2, 1}, {UINT16_MAX, UINT16_MAX, UINT16_MAX, UINT16_MAX, 1}};
    struct label_rule rules[] = {guide, authors, band};

    for (size_t r = 0; r < 3; r++) {
        struct label_map map;
        REQUIRE(!label_map_begin(&map, 5, &rules[r], NULL));
        if (rules[r].background_weight > 0.0f)
            label_map_background(&map, background);
        label_map_add(&map, 1, a);
        label_map_add(&map, 2, b);
        label_map_end(&map);
        for (size_t i = 0; i < 5; i++)
            if (map.labels[i] != want[r][i]) {
                CHECK(false);
                printf("    rule %zu pixel %zu: found %d\n", r, i, map.labels[i]);
            }
        label_map_free(&map);
    }
}

static const struct test tests[] = {
    {"distances_are_exact", distances_are_exact},
    {"growing_and_shrinking_follow_the_euclidean_distance",
     growing_and_shrinking_follow_the_euclidean_distance},
    {"an_empty_mask_does_not_grow_and_a_full_one_does_not_shrink",
     an_empty_mask_does_not_grow_and_a_full_one_does_not_shrink},
    {"small_parts_are_dropped", small_parts_are_dropped},
    {"enclosed_holes_are_filled", enclosed_holes_are_filled},
    {"feathering_is_a_ramp_whose_middle_is_the_edge", feathering_is_a_ramp_whose_middle_is_the_edge},
    {"coverage_stays_soft_where_the_edge_did_not_move", coverage_stays_soft_where_the_edge_did_not_move},
    {"labels_follow_three_rules", labels_follow_three_rules},
};

int main(void)
{
    pool = pool_create(3);
    if (!pool)
        return 2;
    int code = test_main(tests, sizeof tests / sizeof *tests);
    pool_free(pool);
    return code;
}
