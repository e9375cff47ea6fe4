/* simplify.c: Douglas and Peucker's algorithm that keeps the topology.
 *
 * A chain of corners may become the straight line between its ends when it stays within the tolerance, and
 * when no other corner lies between chain and line. If that holds for every chain against all original
 * corners, lines that replace chains cannot cross either: a line that enters the strip between a chain and
 * its line must end there or cut the chain, and then a corner of that chain lies in its own strip. */
#include "output/simplify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

#define CELL 16 /* side of the grid's cells in pixels */

/* All corners, found by place. */
struct grid {
    size_t columns, rows;
    size_t *starts; /* [columns * rows + 1] into items */
    size_t *items;  /* [corner_count] indices of corners, cell by cell */
};

struct chain {
    size_t from, to; /* in the ring, `to` may be beyond its end: modulo count */
};

struct simplifier {
    struct contours *contours;
    struct grid grid;
    double tolerance;
    bool *keep;          /* [corner_count] */
    struct chain *stack; /* [longest ring]: chains to look at; each has its own first corner */
    const struct ring *ring;
    const struct corner *corners; /* of the ring */
};

static bool grid_create(struct grid *g, const struct contours *c)
{
    int32_t right = 0, bottom = 0;

    for (size_t i = 0; i < c->corner_count; i++) {
        right = c->corners[i].x > right ? c->corners[i].x : right;
        bottom = c->corners[i].y > bottom ? c->corners[i].y : bottom;
    }
    g->columns = (size_t)right / CELL + 1;
    g->rows = (size_t)bottom / CELL + 1;
    g->starts = memory_zeroed(g->columns * g->rows + 2, sizeof *g->starts);
    g->items = memory_zeroed(c->corner_count, sizeof *g->items);
    if (!g->starts || !g->items)
        return false;
    size_t *ends = g->starts + 1; /* counted one further, they are the starts once filled */
    for (size_t i = 0; i < c->corner_count; i++)
        ends[(size_t)c->corners[i].y / CELL * g->columns + (size_t)c->corners[i].x / CELL + 1]++;
    for (size_t i = 1; i <= g->columns * g->rows; i++)
        ends[i] += ends[i - 1];
    for (size_t i = 0; i < c->corner_count; i++)
        g->items[ends[(size_t)c->corners[i].y / CELL * g->columns + (size_t)c->corners[i].x / CELL]++] = i;
    return true;
}

static const struct corner *at(const struct simplifier *s, size_t index)
{
    return &s->corners[index % s->ring->count];
}

/* The square of the distance of p from the piece of line a, b. */
static double square_distance(const struct corner *p, const struct corner *a, const struct corner *b)
{
    double dx = b->x - a->x, dy = b->y - a->y, px = p->x - a->x, py = p->y - a->y;
    double length = dx * dx + dy * dy, t = length > 0.0 ? (px * dx + py * dy) / length : 0.0;

    t = fmin(fmax(t, 0.0), 1.0);
    px -= t * dx;
    py -= t * dy;
    return px * px + py * py;
}

/* The corner of a chain that is furthest from the line between its ends. */
static size_t furthest(const struct simplifier *s, struct chain chain, double *square)
{
    size_t found = chain.from;

    *square = -1.0;
    for (size_t i = chain.from + 1; i < chain.to; i++) {
        double d = square_distance(at(s, i), at(s, chain.from), at(s, chain.to));
        if (d > *square) {
            *square = d;
            found = i;
        }
    }
    return found;
}

static int64_t side(const struct corner *a, const struct corner *b, const struct corner *p)
{
    return (int64_t)(b->x - a->x) * (p->y - a->y) - (int64_t)(b->y - a->y) * (p->x - a->x);
}

/* Whether p lies between the chain and the line that would replace it, or on that line. */
static bool is_between(const struct simplifier *s, struct chain chain, const struct corner *p)
{
    const struct corner *first = at(s, chain.from), *last = at(s, chain.to);
    bool odd = false;

    if (side(first, last, p) == 0 && square_distance(p, first, last) == 0.0)
        return true;
    for (size_t i = chain.from; i <= chain.to; i++) {
        const struct corner *a = at(s, i), *b = i < chain.to ? at(s, i + 1) : first;
        if ((a->y > p->y) == (b->y > p->y))
            continue;
        int64_t turn = side(a, b, p);
        if (b->y > a->y ? turn < 0 : turn > 0)
            odd = !odd;
    }
    return odd;
}

/* Whether a corner that is not the chain's own is in the way. */
static bool is_blocked(const struct simplifier *s, struct chain chain)
{
    const struct grid *g = &s->grid;
    const struct corner *first = at(s, chain.from), *last = at(s, chain.to);
    int32_t left = first->x, right = left, top = first->y, bottom = top;
    double most = s->tolerance * s->tolerance;

    for (size_t i = chain.from + 1; i <= chain.to; i++) {
        const struct corner *p = at(s, i);
        left = p->x < left ? p->x : left;
        right = p->x > right ? p->x : right;
        top = p->y < top ? p->y : top;
        bottom = p->y > bottom ? p->y : bottom;
    }
    for (size_t row = (size_t)top / CELL; row <= (size_t)bottom / CELL; row++)
        for (size_t column = (size_t)left / CELL; column <= (size_t)right / CELL; column++) {
            size_t cell = row * g->columns + column;
            for (size_t i = g->starts[cell]; i < g->starts[cell + 1]; i++) {
                const struct corner *p = &s->contours->corners[g->items[i]];
                /* its place in the chain, if it is in this ring */
                size_t index = (g->items[i] - s->ring->first + s->ring->count - chain.from % s->ring->count) %
                               s->ring->count;
                bool own = g->items[i] >= s->ring->first && g->items[i] < s->ring->first + s->ring->count &&
                           index <= chain.to - chain.from;
                if (!own && p->x >= left && p->x <= right && p->y >= top && p->y <= bottom &&
                    square_distance(p, first, last) <= most && is_between(s, chain, p))
                    return true;
            }
        }
    return false;
}

static void simplify_chain(struct simplifier *s, struct chain whole)
{
    size_t depth = 0;

    s->stack[depth++] = whole;
    while (depth) {
        struct chain chain = s->stack[--depth];
        double square;
        if (chain.to - chain.from < 2)
            continue;
        size_t middle = furthest(s, chain, &square);
        if (square <= s->tolerance * s->tolerance && !is_blocked(s, chain))
            continue;
        s->keep[s->ring->first + middle % s->ring->count] = true;
        s->stack[depth++] = (struct chain){chain.from, middle};
        s->stack[depth++] = (struct chain){middle, chain.to};
    }
}

/* Three corners that span the ring, and those where rings meet, stay. */
static void choose_anchors(struct simplifier *s)
{
    size_t count = s->ring->count, second = 0, third = 0;
    bool *keep = s->keep + s->ring->first;
    double largest = -1.0;

    for (size_t i = 0; i < count; i++) {
        double d = square_distance(at(s, i), at(s, 0), at(s, 0));
        keep[i] = s->corners[i].shared;
        if (d > largest) {
            largest = d;
            second = i;
        }
    }
    largest = -1.0;
    for (size_t i = 0; i < count; i++) {
        double d = square_distance(at(s, i), at(s, 0), at(s, second));
        if (d > largest) {
            largest = d;
            third = i;
        }
    }
    keep[0] = keep[second] = keep[third] = true;
}

static void simplify_ring(struct simplifier *s, const struct ring *ring)
{
    size_t from = 0;

    s->ring = ring;
    s->corners = s->contours->corners + ring->first;
    choose_anchors(s);
    for (size_t i = 1; i <= ring->count; i++)
        if (i == ring->count || s->keep[ring->first + i]) {
            size_t to = i; /* corners kept meanwhile lie before it */
            simplify_chain(s, (struct chain){from, to});
            from = to;
        }
}

static void drop_corners(struct contours *c, const bool *keep)
{
    size_t filled = 0;

    for (size_t r = 0; r < c->ring_count; r++) {
        struct ring *ring = &c->rings[r];
        size_t first = filled;
        for (size_t i = ring->first; i < ring->first + ring->count; i++)
            if (keep[i])
                c->corners[filled++] = c->corners[i];
        ring->first = first;
        ring->count = filled - first;
    }
    c->corner_count = filled;
}

clipseg_status contours_simplify(struct contours *contours, double tolerance, clipseg_error *error)
{
    struct simplifier s = {.contours = contours, .tolerance = tolerance};
    size_t longest = 0;
    bool done = false;

    if (!(tolerance > 0.0) || !contours->ring_count)
        return CLIPSEG_OK;
    for (size_t r = 0; r < contours->ring_count; r++)
        longest = size_max(longest, contours->rings[r].count);
    s.keep = memory_zeroed(contours->corner_count, sizeof *s.keep);
    s.stack = memory_zeroed(longest + 1, sizeof *s.stack);
    if (s.keep && s.stack && grid_create(&s.grid, contours)) {
        for (size_t r = 0; r < contours->ring_count; r++)
            simplify_ring(&s, &contours->rings[r]);
        drop_corners(contours, s.keep);
        done = true;
    }
    free(s.keep);
    free(s.stack);
    free(s.grid.starts);
    free(s.grid.items);
    return done ? CLIPSEG_OK : error_memory(error);
}
