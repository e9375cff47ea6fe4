/* test_refine.c: crisp masks: borders lie where the photograph has them, and nothing gets worse where it has
 * none. The scenes are painted here; the logits are what a network of 176 x 176 would see of them: blurred.
 */
#include <math.h>
#include <string.h>

#include "segment/refine/evidence.h"
#include "segment/refine/islands.h"
#include "segment/refine/labels.h"
#include "segment/session.h"
#include "tests/test.h"

#define SIDE 176

static clipseg_model *model;

/* A picture with what is to be found in it. */
struct scene {
    clipseg_image image;
    uint8_t *truth; /* [height, width]: 0 or 1, or labels */
    float *logits;  /* [SIDE, SIDE] */
};

/* rgb of one pixel; returns whether it belongs to the thing (or its label) */
typedef int painter(int x, int y, int width, int height, uint8_t *rgb);

static void set(uint8_t *rgb, int red, int green, int blue)
{
    rgb[0] = (uint8_t)red;
    rgb[1] = (uint8_t)green;
    rgb[2] = (uint8_t)blue;
}

/* Means over the network's cells, then three box blurs of 7 x 7, then 8 (m - 1/2). label: what counts as
 * inside. */
static void look(const struct scene *s, int label, float *logits)
{
    static float seen[SIDE * SIDE], next[SIDE * SIDE];
    size_t width = s->image.width, height = s->image.height;

    for (size_t y = 0; y < SIDE; y++)
        for (size_t x = 0; x < SIDE; x++) {
            size_t x0 = x * width / SIDE, x1 = (x + 1) * width / SIDE, y0 = y * height / SIDE,
                   y1 = (y + 1) * height / SIDE;
            size_t inside = 0, all = 0;
            for (size_t v = y0; v < y1 || v == y0; v++)
                for (size_t u = x0; u < x1 || u == x0; u++, all++)
                    inside += s->truth[v * width + u] == label;
            seen[y * SIDE + x] = (float)inside / (float)all;
        }
    for (int round = 0; round < 3; round++) {
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) {
                float sum = 0.0f;
                for (int v = -3; v <= 3; v++)
                    for (int u = -3; u <= 3; u++) {
                        int yy = y + v < 0 ? 0 : y + v >= SIDE ? SIDE - 1 : y + v;
                        int xx = x + u < 0 ? 0 : x + u >= SIDE ? SIDE - 1 : x + u;
                        sum += seen[yy * SIDE + xx];
                    }
                next[y * SIDE + x] = sum / 49.0f;
            }
        memcpy(seen, next, sizeof seen);
    }
    for (size_t i = 0; i < SIDE * SIDE; i++)
        logits[i] = 8.0f * (seen[i] - 0.5f);
}

static struct scene paint(painter *paint_pixel, size_t width, size_t height)
{
    struct scene s = {.image = {.width = width, .height = height}};

    s.image.rgb = malloc(width * height * 3);
    s.truth = malloc(width * height);
    s.logits = malloc(SIDE * SIDE * sizeof *s.logits);
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            s.truth[y * width + x] = (uint8_t)paint_pixel((int)x, (int)y, (int)width, (int)height,
                                                          s.image.rgb + 3 * (y * width + x));
    look(&s, 1, s.logits);
    return s;
}

static void wash(struct scene *s)
{
    free(s->image.rgb);
    free(s->truth);
    free(s->logits);
}

static clipseg_session *make_session(size_t threads)
{
    clipseg_session *session = NULL;
    clipseg_session_options options;

    clipseg_session_options_default(&options);
    options.threads = threads;
    options.input_size = SIDE;
    if (clipseg_session_create(&session, model, &options, NULL))
        abort();
    return session;
}

struct masks {
    float *bilinear, *refined;
    uint8_t *alpha;
};

static struct masks refine(const struct scene *s, clipseg_refine mode, float threshold, size_t threads)
{
    size_t pixels = s->image.width * s->image.height;
    struct masks m = {malloc(pixels * sizeof(float)), malloc(pixels * sizeof(float)), malloc(pixels)};
    clipseg_session *session = make_session(threads);
    clipseg_refiner *refiner = NULL;
    clipseg_refine_options options;

    clipseg_refine_options_default(&options);
    options.mode = mode;
    if (clipseg_session_enlarge(session, s->logits, s->image.width, s->image.height, m.bilinear, NULL) ||
        clipseg_refiner_create(&refiner, session, &s->image, &options, NULL) ||
        clipseg_refiner_mask(refiner, s->logits, threshold, m.refined, m.alpha, NULL))
        abort();
    clipseg_refiner_close(&refiner);
    clipseg_session_close(&session);
    return m;
}

static void forget(struct masks *m)
{
    free(m->bilinear);
    free(m->refined);
    free(m->alpha);
}

/* IoU of what is above 1/2 with the truth */
static double iou(const struct scene *s, const float *probability)
{
    size_t both = 0, any = 0;

    for (size_t i = 0; i < s->image.width * s->image.height; i++) {
        bool mine = probability[i] > 0.5f, right = s->truth[i] == 1;
        both += mine && right;
        any += mine || right;
    }
    return any ? (double)both / (double)any : 1.0;
}

/* The part of the bilinear mistakes that is left. */
static double mistakes_left(painter *paint_pixel, size_t width, size_t height)
{
    struct scene s = paint(paint_pixel, width, height);
    struct masks m = refine(&s, CLIPSEG_REFINE_FAST, 0.5f, 2);
    double before = 1.0 - iou(&s, m.bilinear), after = 1.0 - iou(&s, m.refined);

    forget(&m);
    wash(&s);
    return after / before;
}

static bool in_disc(int x, int y, int width, int height, double part)
{
    double r = part * (height < width ? height : width);

    return hypot(x - width / 2.0, y - height / 2.0) < r;
}

/* A thing with arms: what the network blurs most. */
static bool in_star(int x, int y, int width, int height)
{
    double dx = x - width / 2.0, dy = y - height / 2.0, r = hypot(dx, dy) / height, angle = atan2(dy, dx);

    return r < 0.24 + 0.13 * cos(5.0 * angle);
}

static int grain(int x, int y, int strength)
{
    unsigned hash = (unsigned)x * 2654435761u ^ (unsigned)y * 2246822519u;

    hash ^= hash >> 15;
    hash *= 2246822519u;
    hash ^= hash >> 13;
    return (int)(hash % (unsigned)(2 * strength + 1)) - strength;
}

/* ---- borders */

static int paint_star(int x, int y, int width, int height, uint8_t *rgb)
{
    bool inside = in_star(x, y, width, height);
    int g = grain(x, y, 4);

    set(rgb, (inside ? 190 : 90) + g, (inside ? 60 : 120) + g, (inside ? 50 : 90) + g);
    return inside;
}

static void borders_follow_the_photograph(void)
{
    CHECK(mistakes_left(paint_star, 800, 600) < 0.1);
    CHECK(mistakes_left(paint_star, 2400, 1800) < 0.1);
    CHECK(mistakes_left(paint_star, 300, 400) < 0.15);
}

static void best_is_no_worse_than_fast(void)
{
    struct scene s = paint(paint_star, 1800, 1350);
    struct masks fast = refine(&s, CLIPSEG_REFINE_FAST, 0.5f, 2),
                 best = refine(&s, CLIPSEG_REFINE_BEST, 0.5f, 2);

    CHECK(iou(&s, best.refined) > iou(&s, fast.refined) - 0.001);
    forget(&fast);
    forget(&best);
    wash(&s);
}

static void off_is_bilinear(void)
{
    struct scene s = paint(paint_star, 400, 300);
    struct masks m = refine(&s, CLIPSEG_REFINE_OFF, 0.5f, 2);

    CHECK(!memcmp(m.refined, m.bilinear, 400 * 300 * sizeof *m.refined));
    forget(&m);
    wash(&s);
}

static int paint_plain(int x, int y, int width, int height, uint8_t *rgb)
{
    set(rgb, 120, 130, 140);
    return in_star(x, y, width, height);
}

static void same_colour_inside_and_outside_stays_near_bilinear(void)
{
    struct scene s = paint(paint_plain, 800, 600);
    struct masks m = refine(&s, CLIPSEG_REFINE_FAST, 0.5f, 2);
    size_t different = 0;

    for (size_t i = 0; i < 800 * 600; i++)
        different += (m.refined[i] > 0.5f) != (m.bilinear[i] > 0.5f);
    CHECK(different < 800 * 600 / 50);
    CHECK(iou(&s, m.refined) > iou(&s, m.bilinear) - 0.01);
    forget(&m);
    wash(&s);
}

/* A car on a road, and its shadow, which is darker than the road but no car. */
static int paint_car(int x, int y, int width, int height, uint8_t *rgb)
{
    bool car = x > width / 4 && x < 3 * width / 4 && y > 2 * height / 5 && y < 3 * height / 5;
    bool shadow =
        !car && x > width / 4 - 10 && x < 3 * width / 4 + 20 && y >= 3 * height / 5 && y < 13 * height / 20;
    int g = grain(x, y, 3);

    set(rgb,
        (car      ? 40
         : shadow ? 60
                  : 130) +
            g,
        (car      ? 70
         : shadow ? 60
                  : 128) +
            g,
        (car      ? 160
         : shadow ? 64
                  : 125) +
            g);
    return car;
}

static void a_shadow_is_not_the_car(void)
{
    CHECK(mistakes_left(paint_car, 1000, 750) < 0.3);
}

/* Bars of 3, 4 .. 10 pixels before a pale wall: the network sees a haze. */
static int paint_bars(int x, int y, int width, int height, uint8_t *rgb)
{
    int bar = x / 40, place = x % 40, wide = 3 + bar % 8;
    bool inside = place < wide && y > height / 4 && y < 3 * height / 4 && bar > 3 && bar < width / 40 - 4;

    set(rgb, inside ? 50 : 215, inside ? 45 : 210, inside ? 40 : 200);
    return inside;
}

static void thin_bars_do_not_get_worse(void)
{
    struct scene s = paint(paint_bars, 1000, 700);
    struct masks m = refine(&s, CLIPSEG_REFINE_FAST, 0.5f, 2);

    CHECK(iou(&s, m.refined) >= iou(&s, m.bilinear) - 0.003);
    forget(&m);
    wash(&s);
}

static int paint_ring(int x, int y, int width, int height, uint8_t *rgb)
{
    bool inside = in_disc(x, y, width, height, 0.3) && !in_disc(x, y, width, height, 0.1);
    int g = grain(x, y, 3);

    set(rgb, (inside ? 220 : 80) + g, (inside ? 180 : 100) + g, (inside ? 40 : 130) + g);
    return inside;
}

static void holes_stay_open(void)
{
    struct scene s = paint(paint_ring, 800, 600);
    struct masks m = refine(&s, CLIPSEG_REFINE_FAST, 0.5f, 2);

    CHECK(m.refined[300 * 800 + 400] < 0.5f);
    CHECK(1.0 - iou(&s, m.refined) < 0.2 * (1.0 - iou(&s, m.bilinear)));
    forget(&m);
    wash(&s);
}

static int paint_grey(int x, int y, int width, int height, uint8_t *rgb)
{
    bool inside = in_star(x, y, width, height);
    int value = (inside ? 160 : 90) + grain(x, y, 5);

    set(rgb, value, value, value);
    return inside;
}

static void grey_photographs_work(void)
{
    CHECK(mistakes_left(paint_grey, 800, 600) < 0.15);
}

static int paint_noise(int x, int y, int width, int height, uint8_t *rgb)
{
    bool inside = in_star(x, y, width, height);

    set(rgb, 128 + grain(x, y, 127), 128 + grain(x + 5000, y, 127), 128 + grain(x, y + 5000, 127));
    return inside;
}

static void noise_alone_leaves_the_mask_where_it_was(void)
{
    struct scene s = paint(paint_noise, 800, 600);
    struct masks m = refine(&s, CLIPSEG_REFINE_FAST, 0.5f, 2);

    CHECK(iou(&s, m.refined) > iou(&s, m.bilinear) - 0.01);
    forget(&m);
    wash(&s);
}

static int paint_noisy_star(int x, int y, int width, int height, uint8_t *rgb)
{
    bool inside = in_star(x, y, width, height);

    set(rgb, (inside ? 180 : 90) + grain(x, y, 30), (inside ? 80 : 120) + grain(x + 5000, y, 30),
        (inside ? 70 : 100) + grain(x, y + 5000, 30));
    return inside;
}

/* Blocks of 8 x 8 whose levels jump, as strong compression leaves them. */
static int paint_blocks(int x, int y, int width, int height, uint8_t *rgb)
{
    bool inside = in_star(x, y, width, height);
    int level = grain(x / 8, y / 8, 7), tint = grain(x / 16 + 900, y / 16, 6);

    set(rgb, (inside ? 180 : 90) + level + tint, (inside ? 80 : 120) + level,
        (inside ? 70 : 100) + level - tint);
    return inside;
}

static void noise_and_blocks_do_not_show(void)
{
    CHECK(mistakes_left(paint_noisy_star, 800, 600) < 0.2);
    CHECK(mistakes_left(paint_blocks, 800, 600) < 0.15);
}

static int paint_corner(int x, int y, int width, int height, uint8_t *rgb)
{
    bool inside = hypot(x, y) < 0.55 * height || (x > 4 * width / 5 && y > height / 3);

    set(rgb, inside ? 200 : 60, inside ? 90 : 100, inside ? 60 : 120);
    return inside;
}

static void things_at_the_border_reach_it(void)
{
    struct scene s = paint(paint_corner, 900, 600);
    struct masks m = refine(&s, CLIPSEG_REFINE_FAST, 0.5f, 2);

    CHECK(m.refined[0] > 0.5f && m.refined[900 * 600 - 1] > 0.5f);
    CHECK(1.0 - iou(&s, m.refined) < 0.15 * (1.0 - iou(&s, m.bilinear)));
    forget(&m);
    wash(&s);
}

/* ---- what must not change */

static void empty_and_full_masks_are_exactly_unchanged(void)
{
    struct scene s = paint(paint_star, 500, 400);

    for (int full = 0; full < 2; full++) {
        for (size_t i = 0; i < SIDE * SIDE; i++)
            s.logits[i] = (full ? 1.0f : -1.0f) * (0.1f + (float)(i * 7 % 13));
        struct masks m = refine(&s, CLIPSEG_REFINE_FAST, 0.5f, 2);
        CHECK(!memcmp(m.refined, m.bilinear, 500 * 400 * sizeof *m.refined));
        for (size_t i = 0; i < 500 * 400; i++)
            if ((m.alpha[i] > 127) != full) {
                CHECK_TEXT(false, "alpha on the other side");
                break;
            }
        forget(&m);
    }
    wash(&s);
}

/* A grating before gravel; the network takes all of the square for the thing. */
static int paint_grating(int x, int y, int width, int height, uint8_t *rgb)
{
    bool square = abs(x - width / 2) < height / 6 && abs(y - height / 2) < height / 6,
         inside = square && x % 24 < 3;
    int g = grain(x / 6, y / 6, 25);

    set(rgb, inside ? 60 : 128 + g, inside ? 70 : 140 + g, inside ? 90 : 110 + g);
    return square;
}

static void a_grating_does_not_vanish(void)
{
    struct scene s = paint(paint_grating, 1000, 750);

    for (size_t i = 0; i < SIDE * SIDE; i++)
        s.logits[i] = s.logits[i] > 0.0f ? 2.5f : -5.0f;
    struct masks m = refine(&s, CLIPSEG_REFINE_FAST, 0.5f, 2);
    CHECK(iou(&s, m.refined) > iou(&s, m.bilinear) - 0.01);
    forget(&m);
    wash(&s);
}

/* 1000 sure pixels inside, of which the solver contradicts some. */
static bool weigh(size_t contradicted, float *trust)
{
    static float z[1000], confidence[1000], q[1000];

    for (size_t i = 0; i < 1000; i++) {
        z[i] = 3.0f;
        confidence[i] = 1.0f;
        q[i] = i < contradicted ? 0.01f * (float)(i % 10) : 0.9f;
    }
    return evidence_weigh(z, confidence, q, 1000, 0.8f, false, trust);
}

static void the_more_is_contradicted_the_more_the_model_is_trusted(void)
{
    float little = 0.0f, some = 0.0f, much = 0.0f, all = 0.0f;

    CHECK(weigh(0, &little) && little == 0.8f);
    CHECK(weigh(29, &little) && little == 0.8f);
    CHECK(weigh(40, &some) && some > 0.8f);
    CHECK(weigh(55, &much) && much > some && much < 4.0f);
    CHECK(!weigh(61, &all)); /* better leave the mask alone */
}

/* 1000 pixels inside and as many outside; at the border, where the model is in doubt, the solver takes some
 * away and adds some. */
static bool weigh_area(size_t taken, size_t added, bool shared, float *trust)
{
    static float z[2000], confidence[2000], q[2000];

    for (size_t i = 0; i < 2000; i++) {
        bool thing = i < 1000, moved = thing ? i < taken : i < 1000 + added;
        z[i] = thing ? 1.0f : -1.0f;
        confidence[i] = moved ? 0.002f : 1.0f;
        q[i] = thing ? (moved ? 0.01f * (float)(i % 30) : 0.9f) : moved ? 0.9f : 0.1f;
    }
    return evidence_weigh(z, confidence, q, 2000, 0.8f, shared, trust);
}

static void a_thing_does_not_lose_a_tenth_of_its_area(void)
{
    float trust = 0.0f, more = 0.0f;

    CHECK(weigh_area(79, 0, false, &trust) && trust == 0.8f);
    CHECK(weigh_area(90, 0, false, &more) && more > 0.8f);
    CHECK(!weigh_area(101, 0, false, &more)); /* better leave the mask alone */
    CHECK(weigh_area(101, 30, false, &trust) && trust == 0.8f);
    CHECK(weigh_area(0, 59, false, &trust) && trust == 0.8f);
    CHECK(weigh_area(101, 0, true, &trust) && trust == 0.8f); /* another label gains it */
}

static void every_threshold_is_kept(void)
{
    struct scene s = paint(paint_star, 600, 450);
    const float thresholds[] = {0.05f, 0.1f, 0.3f, 0.5f, 0.9f};

    for (size_t k = 0; k < 5; k++) {
        struct masks m = refine(&s, CLIPSEG_REFINE_FAST, thresholds[k], 2);
        size_t wrong = 0;
        for (size_t i = 0; i < 600 * 450; i++) {
            wrong += m.alpha[i] > 128 && !(m.refined[i] > thresholds[k]);
            wrong += m.alpha[i] < 127 && m.refined[i] > thresholds[k];
            wrong += !(m.refined[i] >= 0.0f && m.refined[i] <= 1.0f);
        }
        CHECK(wrong == 0);
        CHECK(iou(&s, m.refined) > 0.9 || thresholds[k] != 0.5f);
        forget(&m);
    }
    for (size_t k = 0; k < 2; k++) { /* nothing lies beyond 0 and 1 */
        struct masks m = refine(&s, CLIPSEG_REFINE_FAST, (float)k, 2);
        CHECK(m.alpha[0] == (k ? 0 : 255) && m.alpha[600 * 225 + 300] == (k ? 0 : 255));
        forget(&m);
    }
    wash(&s);
}

/* ---- odd input */

static void odd_sizes_work(void)
{
    const size_t sizes[][2] = {{1, 1},   {1, 777},    {777, 1},   {2, 3},
                               {17, 16}, {20000, 11}, {20000, 1}, {7, 5000}};

    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        struct scene s = paint(paint_corner, sizes[k][0], sizes[k][1]);
        for (int mode = CLIPSEG_REFINE_FAST; mode <= CLIPSEG_REFINE_BEST; mode++) {
            struct masks m = refine(&s, (clipseg_refine)mode, 0.5f, 2);
            bool fine = true;
            for (size_t i = 0; i < sizes[k][0] * sizes[k][1]; i++)
                fine = fine && m.refined[i] >= 0.0f && m.refined[i] <= 1.0f;
            CHECK(fine);
            CHECK(iou(&s, m.refined) > iou(&s, m.bilinear) - 0.01);
            forget(&m);
        }
        wash(&s);
    }
}

static void nan_is_not_found_and_infinities_are_certain(void)
{
    struct scene s = paint(paint_star, 600, 450);
    size_t wrong = 0;

    for (size_t y = 0; y < 20; y++)
        for (size_t x = 0; x < 20; x++)
            s.logits[y * SIDE + x] = NAN;
    s.logits[SIDE * SIDE - 1] = -INFINITY;
    s.logits[88 * SIDE + 88] = INFINITY;
    struct masks m = refine(&s, CLIPSEG_REFINE_FAST, 0.5f, 2);
    for (size_t i = 0; i < 600 * 450; i++)
        wrong += !(m.refined[i] >= 0.0f && m.refined[i] <= 1.0f);
    CHECK(wrong == 0);
    CHECK(m.refined[0] < 0.5f && m.refined[225 * 600 + 300] > 0.5f);
    CHECK(iou(&s, m.refined) > 0.95);
    forget(&m);
    for (size_t i = 0; i < SIDE * SIDE; i++)
        s.logits[i] = NAN;
    m = refine(&s, CLIPSEG_REFINE_FAST, 0.5f, 2);
    CHECK(m.refined[0] < 0.5f && m.alpha[0] == 0);
    forget(&m);
    for (size_t i = 0; i < SIDE * SIDE; i++)
        s.logits[i] = INFINITY;
    for (int mode = CLIPSEG_REFINE_OFF; mode <= CLIPSEG_REFINE_FAST; mode++) { /* to the last corner */
        m = refine(&s, (clipseg_refine)mode, 0.5f, 2);
        CHECK(m.refined[0] > 0.99f && m.refined[600 * 450 - 1] > 0.99f && m.alpha[600 * 450 - 1] == 255);
        forget(&m);
    }
    wash(&s);
}

static void options_out_of_range_are_named(void)
{
    struct scene s = paint(paint_star, 60, 45);
    clipseg_session *session = make_session(1);
    clipseg_refiner *refiner = NULL;
    clipseg_refine_options options;
    clipseg_error error;

    clipseg_refine_options_default(&options);
    options.trust = NAN;
    CHECK(clipseg_refiner_create(&refiner, session, &s.image, &options, &error) == CLIPSEG_ERROR_USAGE &&
          !refiner);
    CHECK(strstr(error.text, "trust") != NULL);
    clipseg_refine_options_default(&options);
    options.contrast = 0.0f;
    CHECK(clipseg_refiner_create(&refiner, session, &s.image, &options, &error) == CLIPSEG_ERROR_USAGE &&
          !refiner);
    CHECK(strstr(error.text, "contrast") != NULL);
    clipseg_session_close(&session);
    wash(&s);
}

/* ---- threads and instruction sets */

static void any_number_of_threads_gives_the_same_bits(void)
{
    struct scene s = paint(paint_noisy_star, 1200, 900);
    struct masks one = refine(&s, CLIPSEG_REFINE_FAST, 0.5f, 1);

    for (size_t threads = 2; threads <= 3; threads++) {
        struct masks more = refine(&s, CLIPSEG_REFINE_FAST, 0.5f, threads);
        CHECK(!memcmp(one.refined, more.refined, 1200 * 900 * sizeof *one.refined));
        CHECK(!memcmp(one.alpha, more.alpha, 1200 * 900));
        forget(&more);
    }
    forget(&one);
    wash(&s);
}

static void every_instruction_set_gives_nearly_the_same(void)
{
    struct scene s = paint(paint_noisy_star, 1200, 900);
    struct masks mine = refine(&s, CLIPSEG_REFINE_FAST, 0.5f, 2);
    clipseg_model *own = model, *scalar = NULL;
    clipseg_model_options options;
    double worst = 0.0;

    clipseg_model_options_default(&options);
    options.cpu = "scalar";
    REQUIRE(!clipseg_model_open(&scalar, test_file("tiny-refined"), &options, NULL));
    model = scalar;
    struct masks plain = refine(&s, CLIPSEG_REFINE_FAST, 0.5f, 2);
    model = own;
    for (size_t i = 0; i < 1200 * 900; i++)
        worst = fmax(worst, fabs((double)mine.refined[i] - (double)plain.refined[i]));
    CHECK(worst < 1.0 / 255);
    forget(&plain);
    forget(&mine);
    clipseg_model_close(&scalar);
    wash(&s);
}

static void masks_of_a_session_are_refined(void)
{
    struct scene s = paint(paint_star, 500, 400);
    clipseg_session *session = make_session(2);
    clipseg_refiner *refiner = NULL;
    clipseg_prompt prompts[] = {clipseg_text("fork"), clipseg_text("spoons")};
    float *masks = malloc(2 * 500 * 400 * sizeof *masks), *own = malloc(500 * 400 * sizeof *own);
    float *logits = malloc(2 * SIDE * SIDE * sizeof *logits);

    CHECK(!clipseg_session_set_image(session, &s.image, NULL));
    CHECK(!clipseg_session_masks(session, prompts, 2, masks, NULL));
    CHECK(!clipseg_session_logits(session, prompts, 2, logits, NULL));
    CHECK(!clipseg_refiner_create(&refiner, session, &s.image, NULL, NULL));
    for (size_t i = 0; i < 2; i++) {
        CHECK(!clipseg_refiner_mask(refiner, logits + i * SIDE * SIDE, 0.5f, own, NULL, NULL));
        CHECK(!memcmp(own, masks + i * 500 * 400, 500 * 400 * sizeof *own));
    }
    clipseg_refiner_close(&refiner);
    clipseg_session_close(&session);
    free(masks);
    free(own);
    free(logits);
    wash(&s);
}

/* ---- label maps */

/* Five fields that fill the picture but for a sixth, the background's, in the middle. */
static int paint_fields(int x, int y, int width, int height, uint8_t *rgb)
{
    static const uint8_t colours[6][3] = {{120, 120, 120}, {200, 60, 50},  {60, 160, 60},
                                          {60, 80, 190},   {210, 190, 60}, {150, 60, 160}};
    double angle = atan2(y - height / 2.0, x - width / 2.0) +
                   0.12 * sin(hypot(x - width / 2.0, y - height / 2.0) / 25.0);
    int label = in_disc(x, y, width, height, 0.15) ? 0 : 1 + (int)((angle + 4.0) / 6.283186 * 5.0) % 5,
        g = grain(x, y, 4);

    set(rgb, colours[label][0] + g, colours[label][1] + g, colours[label][2] + g);
    return label;
}

static uint16_t *label_map(const struct scene *s, clipseg_refine mode, bool backwards)
{
    size_t pixels = s->image.width * s->image.height;
    clipseg_session *session = make_session(2);
    clipseg_refiner *refiner = NULL;
    clipseg_refine_options options;
    struct label_margins margins;
    struct label_map map;
    float *soft = malloc(pixels * sizeof *soft), *logits = malloc(SIDE * SIDE * sizeof *logits);

    clipseg_refine_options_default(&options);
    options.mode = mode;
    if (label_margins_begin(&margins, SIDE, &(struct label_rule){.threshold = 0.5f}, NULL) ||
        label_map_begin(&map, pixels, &(struct label_rule){.background_weight = 1.0f}, NULL) ||
        clipseg_refiner_create(&refiner, session, &s->image, &options, NULL))
        abort();
    for (int i = 1; i <= 5; i++) {
        int label = backwards ? 6 - i : i;
        look(s, label, logits);
        label_margins_add(&margins, (uint16_t)label, logits);
    }
    if (label_margins_refine(&margins, refiner, &map, soft, NULL))
        abort();
    label_map_end(&map);
    clipseg_refiner_close(&refiner);
    clipseg_session_close(&session);
    label_margins_free(&margins);
    free(soft);
    free(logits);
    return map.labels; /* all that is left of the map */
}

static double wrong_labels(const struct scene *s, const uint16_t *labels)
{
    size_t wrong = 0, pixels = s->image.width * s->image.height;

    for (size_t i = 0; i < pixels; i++)
        wrong += labels[i] != s->truth[i];
    return (double)wrong / (double)pixels;
}

static void label_maps_have_neither_gaps_nor_overlaps(void)
{
    struct scene s = paint(paint_fields, 900, 700);
    uint16_t *bilinear = label_map(&s, CLIPSEG_REFINE_OFF, false),
             *refined = label_map(&s, CLIPSEG_REFINE_FAST, false);
    uint16_t *backwards = label_map(&s, CLIPSEG_REFINE_FAST, true);
    size_t gaps = 0;

    CHECK(wrong_labels(&s, refined) < 0.25 * wrong_labels(&s, bilinear));
    for (int y = 0; y < 700; y++) /* far from the background's field nothing may be the background's */
        for (int x = 0; x < 900; x++)
            gaps += refined[y * 900 + x] == 0 && !in_disc(x, y, 900, 700, 0.22);
    CHECK(gaps == 0);
    CHECK(!memcmp(refined, backwards, 900 * 700 * sizeof *refined)); /* the order does not matter */
    free(bilinear);
    free(refined);
    free(backwards);
    wash(&s);
}

/* The model's own map: label 1 left of column 20, else 2, and a cell of 3 in the upper right. */
static uint16_t own_label(const void *context, size_t x, size_t y)
{
    (void)context;
    if (x >= 32 && x < 36 && y >= 4 && y < 8)
        return 3;
    return x < 20 ? 1 : 2;
}

static void crumbs_of_label_maps_join_their_surroundings(void)
{
    enum { WIDTH = 40, HEIGHT = 30 };
    uint16_t labels[WIDTH * HEIGHT], expected[WIDTH * HEIGHT];

    for (size_t i = 0; i < WIDTH * HEIGHT; i++) /* the border has moved by two pixels */
        expected[i] = i % WIDTH < 22 ? 1 : 2;
    for (size_t y = 5; y < 8; y++) /* what the model has seen stays, however small */
        for (size_t x = 33; x < 36; x++)
            expected[y * WIDTH + x] = 3;
    memcpy(labels, expected, sizeof labels);
    labels[10 * WIDTH + 5] = 2;
    labels[10 * WIDTH + 6] = labels[11 * WIDTH + 6] = 2;
    labels[29 * WIDTH + 39] = 1;
    for (size_t y = 15; y < 20; y++) /* on the border, with more of its rim on the right */
        labels[y * WIDTH + 22] = labels[y * WIDTH + 23] = 3;
    CHECK(!islands_join(labels, WIDTH, HEIGHT, 16.0, own_label, NULL, NULL));
    CHECK(!memcmp(labels, expected, sizeof labels));
    for (size_t i = 0; i < WIDTH; i++) /* alone: there is nothing to join */
        labels[i] = 9;
    CHECK(!islands_join(labels, WIDTH, 1, 1000.0, own_label, NULL, NULL) && labels[0] == 9);
}

static const struct test tests[] = {
    {"borders_follow_the_photograph", borders_follow_the_photograph},
    {"best_is_no_worse_than_fast", best_is_no_worse_than_fast},
    {"off_is_bilinear", off_is_bilinear},
    {"same_colour_inside_and_outside_stays_near_bilinear",
     same_colour_inside_and_outside_stays_near_bilinear},
    {"a_shadow_is_not_the_car", a_shadow_is_not_the_car},
    {"thin_bars_do_not_get_worse", thin_bars_do_not_get_worse},
    {"holes_stay_open", holes_stay_open},
    {"grey_photographs_work", grey_photographs_work},
    {"noise_alone_leaves_the_mask_where_it_was", noise_alone_leaves_the_mask_where_it_was},
    {"noise_and_blocks_do_not_show", noise_and_blocks_do_not_show},
    {"things_at_the_border_reach_it", things_at_the_border_reach_it},
    {"empty_and_full_masks_are_exactly_unchanged", empty_and_full_masks_are_exactly_unchanged},
    {"a_grating_does_not_vanish", a_grating_does_not_vanish},
    {"the_more_is_contradicted_the_more_the_model_is_trusted",
     the_more_is_contradicted_the_more_the_model_is_trusted},
    {"a_thing_does_not_lose_a_tenth_of_its_area", a_thing_does_not_lose_a_tenth_of_its_area},
    {"every_threshold_is_kept", every_threshold_is_kept},
    {"odd_sizes_work", odd_sizes_work},
    {"nan_is_not_found_and_infinities_are_certain", nan_is_not_found_and_infinities_are_certain},
    {"options_out_of_range_are_named", options_out_of_range_are_named},
    {"any_number_of_threads_gives_the_same_bits", any_number_of_threads_gives_the_same_bits},
    {"every_instruction_set_gives_nearly_the_same", every_instruction_set_gives_nearly_the_same},
    {"masks_of_a_session_are_refined", masks_of_a_session_are_refined},
    {"label_maps_have_neither_gaps_nor_overlaps", label_maps_have_neither_gaps_nor_overlaps},
    {"crumbs_of_label_maps_join_their_surroundings", crumbs_of_label_maps_join_their_surroundings},
};

int main(void)
{
    clipseg_model_options options;

    clipseg_model_options_default(&options);
    options.cpu = getenv("CLIPSEG_CPU");
    if (clipseg_model_open(&model, test_file("tiny-refined"), &options, NULL))
        return 2;
    int code = test_main(tests, sizeof tests / sizeof *tests);
    clipseg_model_close(&model);
    return code;
}
