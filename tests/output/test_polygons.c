/* test_polygons.c: masks to polygons and back. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "output/bits.h"
#include "output/polygons.h"
#include "output/simplify.h"
#include "tests/test.h"

#define SIDE 48

static unsigned state = 1;

static unsigned next_random(void)
{
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

/* Noise of different grain: every kind of touching, nesting and border. */
static void fill(uint8_t *mask, size_t width, size_t height, unsigned grain, unsigned percent)
{
    uint8_t coarse[SIDE * SIDE];

    for (size_t i = 0; i < SIDE * SIDE; i++)
        coarse[i] = next_random() % 100 < percent;
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            mask[y * width + x] = coarse[y / grain * SIDE + x / grain];
}

/* How often the polygon winds around a pixel's centre, and how many of its sides a ray crosses. */
static void winding(const struct polygons *p, const struct polygon *polygon, double x, double y, int *turns,
                    int *crossings)
{
    for (size_t i = 0; i < polygon->count; i++) {
        const double *a = p->points[polygon->first + i],
                     *b = p->points[polygon->first + (i + 1) % polygon->count];
        if ((a[1] > y) == (b[1] > y) || a[0] + (y - a[1]) * (b[0] - a[0]) / (b[1] - a[1]) < x)
            continue;
        *turns += b[1] > a[1] ? 1 : -1;
        ++*crossings;
    }
}

/* Filled by both rules, and how many polygons hold the pixel. */
static void check_filling(const struct polygons *p, const uint8_t *mask, size_t width, size_t height)
{
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            int holders = 0;
            for (size_t k = 0; k < p->count; k++) {
                int turns = 0, crossings = 0;
                winding(p, &p->polygons[k], (double)x + 0.5, (double)y + 0.5, &turns, &crossings);
                CHECK((turns != 0) == (crossings % 2));
                holders += turns != 0;
            }
            CHECK(holders == mask[y * width + x]);
        }
}

static void polygons_without_tolerance_are_the_mask(void)
{
    uint8_t mask[SIDE * SIDE], before[SIDE * SIDE];

    for (unsigned round = 0; round < 300; round++) {
        size_t width = 1 + next_random() % SIDE, height = 1 + next_random() % SIDE;
        struct polygons polygons;
        fill(mask, width, height, 1 + next_random() % 7, 10 + next_random() % 85);
        memcpy(before, mask, width * height);
        CHECK(polygons_trace(&polygons, mask, width, height, 0.0, NULL) == CLIPSEG_OK);
        CHECK(memcmp(before, mask, width * height) == 0);
        check_filling(&polygons, mask, width, height);
        polygons_free(&polygons);
    }
}

static int64_t side(const struct corner *a, const struct corner *b, const struct corner *p)
{
    return (int64_t)(b->x - a->x) * (p->y - a->y) - (int64_t)(b->y - a->y) * (p->x - a->x);
}

static bool same(const struct corner *a, const struct corner *b)
{
    return a->x == b->x && a->y == b->y;
}

static bool is_on(const struct corner *p, const struct corner *a, const struct corner *b)
{
    return side(a, b, p) == 0 && (p->x - a->x) * (p->x - b->x) <= 0 && (p->y - a->y) * (p->y - b->y) <= 0;
}

static int sign(int64_t value)
{
    return (value > 0) - (value < 0);
}

/* Two sides may have corners in common and nothing else. */
static bool conflict(const struct corner *a, const struct corner *b, const struct corner *c,
                     const struct corner *d)
{
    if ((is_on(a, c, d) && !same(a, c) && !same(a, d)) || (is_on(c, a, b) && !same(c, a) && !same(c, b)) ||
        (is_on(b, c, d) && !same(b, c) && !same(b, d)) || (is_on(d, a, b) && !same(d, a) && !same(d, b)))
        return true;
    return sign(side(a, b, c)) * sign(side(a, b, d)) < 0 && sign(side(c, d, a)) * sign(side(c, d, b)) < 0;
}

static const struct corner *corner_of(const struct contours *c, const struct ring *ring, size_t index)
{
    return &c->corners[ring->first + index % ring->count];
}

static void check_no_conflict(const struct contours *c)
{
    for (size_t r = 0; r < c->ring_count; r++)
        for (size_t i = 0; i < c->rings[r].count; i++)
            for (size_t s = r; s < c->ring_count; s++)
                for (size_t k = s == r ? i + 1 : 0; k < c->rings[s].count; k++)
                    CHECK(!conflict(corner_of(c, &c->rings[r], i), corner_of(c, &c->rings[r], i + 1),
                                    corner_of(c, &c->rings[s], k), corner_of(c, &c->rings[s], k + 1)));
}

/* A blot with a ragged border: discs that overlap, some of them cut out again. */
static void blot(uint8_t *mask, size_t side_length)
{
    memset(mask, 0, side_length * side_length);
    for (unsigned disc = 0; disc < 14; disc++) {
        double cx = next_random() % 1000 * 0.001 * (double)side_length,
               cy = next_random() % 1000 * 0.001 * (double)side_length;
        double radius = 1.0 + next_random() % 1000 * 0.00025 * (double)side_length;
        uint8_t value = disc % 3 != 2;
        for (size_t y = 0; y < side_length; y++)
            for (size_t x = 0; x < side_length; x++)
                if (hypot((double)x + 0.5 - cx, (double)y + 0.5 - cy) < radius)
                    mask[y * side_length + x] = value;
    }
}

static double ring_distance(const struct contours *c, const struct ring *ring, double x, double y)
{
    double nearest = INFINITY;

    for (size_t i = 0; i < ring->count; i++) {
        const struct corner *a = corner_of(c, ring, i), *b = corner_of(c, ring, i + 1);
        double dx = b->x - a->x, dy = b->y - a->y;
        double t = fmin(fmax(((x - a->x) * dx + (y - a->y) * dy) / (dx * dx + dy * dy), 0.0), 1.0);
        nearest = fmin(nearest, hypot(a->x + t * dx - x, a->y + t * dy - y));
    }
    return nearest;
}

static int64_t twice_area(const struct contours *c, const struct ring *ring)
{
    int64_t sum = 0;

    for (size_t i = 0; i < ring->count; i++) {
        const struct corner *a = corner_of(c, ring, i), *b = corner_of(c, ring, i + 1);
        sum += (int64_t)a->x * b->y - (int64_t)b->x * a->y;
    }
    return sum;
}

static void simplified_rings_stay_near_and_never_cross(void)
{
    uint8_t mask[SIDE * SIDE];
    size_t before = 0, after = 0;

    for (unsigned round = 0; round < 120; round++) {
        struct contours exact, simple;
        double tolerance = 0.5 + round % 8 * 0.5;
        if (round % 4 == 3)
            fill(mask, SIDE, SIDE, 1 + next_random() % 5, 20 + next_random() % 70);
        else
            blot(mask, SIDE);
        CHECK(contours_trace(&exact, mask, SIDE, SIDE, NULL) == CLIPSEG_OK);
        CHECK(contours_trace(&simple, mask, SIDE, SIDE, NULL) == CLIPSEG_OK);
        CHECK(contours_simplify(&simple, tolerance, NULL) == CLIPSEG_OK);
        CHECK(simple.ring_count == exact.ring_count);
        for (size_t r = 0; r < simple.ring_count; r++) {
            CHECK(simple.rings[r].count >= 3);
            CHECK(sign(twice_area(&simple, &simple.rings[r])) == sign(exact.rings[r].area));
            for (size_t i = 0; i < exact.rings[r].count; i++) {
                const struct corner *p = corner_of(&exact, &exact.rings[r], i);
                CHECK(ring_distance(&simple, &simple.rings[r], p->x, p->y) <= tolerance + 1e-9);
            }
        }
        check_no_conflict(&simple);
        if (round % 4 != 3) { /* noise has little to give up */
            before += exact.corner_count;
            after += simple.corner_count;
        }
        contours_free(&exact);
        contours_free(&simple);
    }
    CHECK(after < before / 2);
}

/* With holes that are cut open at fractional places, and parts that lie in holes. */
static void simplified_polygons_differ_near_the_border_only(void)
{
    uint8_t mask[SIDE * SIDE];

    for (unsigned round = 0; round < 60; round++) {
        struct polygons polygons;
        double tolerance = 1.0 + round % 3;
        blot(mask, SIDE);
        CHECK(polygons_trace(&polygons, mask, SIDE, SIDE, tolerance, NULL) == CLIPSEG_OK);
        for (size_t y = 0; y < SIDE; y++)
            for (size_t x = 0; x < SIDE; x++) {
                int holders = 0;
                bool border = false;
                for (size_t k = 0; k < polygons.count; k++) {
                    int turns = 0, crossings = 0;
                    winding(&polygons, &polygons.polygons[k], (double)x + 0.5, (double)y + 0.5, &turns,
                            &crossings);
                    CHECK((turns != 0) == (crossings % 2));
                    holders += turns != 0;
                }
                for (size_t v = 0; v < SIDE; v++)
                    for (size_t u = 0; u < SIDE; u++)
                        border = border ||
                                 (mask[v * SIDE + u] != mask[y * SIDE + x] &&
                                  hypot((double)u - (double)x, (double)v - (double)y) <= tolerance + 1.5);
                CHECK(holders <= 1);
                CHECK(holders == mask[y * SIDE + x] || border || x < 4 || y < 4 || x + 4 >= SIDE ||
                      y + 4 >= SIDE);
            }
        polygons_free(&polygons);
    }
}

static void runs_cover_the_mask(void)
{
    uint8_t mask[SIDE * SIDE], across[SIDE * SIDE];
    struct runs runs = {0};
    size_t at = 0;

    fill(mask, SIDE, SIDE, 3, 50);
    mask[0] = 1; /* the first run is empty then */
    bits_transpose(mask, SIDE, SIDE, across);
    runs_append_mask(&runs, across, SIDE * SIDE);
    CHECK(!runs.failed && runs.lengths[0] == 0);
    for (size_t i = 0; i < runs.count; i++)
        for (size_t k = 0; k < runs.lengths[i]; k++, at++)
            CHECK(mask[at % SIDE * SIDE + at / SIDE] == i % 2);
    CHECK(at == SIDE * SIDE);
    runs_free(&runs);
}

static const struct test tests[] = {
    {"polygons_without_tolerance_are_the_mask", polygons_without_tolerance_are_the_mask},
    {"simplified_rings_stay_near_and_never_cross", simplified_rings_stay_near_and_never_cross},
    {"simplified_polygons_differ_near_the_border_only", simplified_polygons_differ_near_the_border_only},
    {"runs_cover_the_mask", runs_cover_the_mask},
};

TEST_MAIN(tests)
