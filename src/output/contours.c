/* contours.c: following the borders between pixels. */
#include "output/contours.h"

#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

#define VISITED 2 /* in the mask: the left side of this pixel is part of a ring */

enum direction { UP, RIGHT, DOWN, LEFT };

struct walk {
    uint8_t *mask;
    int32_t width, height;
    struct corner *way; /* the ring as it was walked, [count] */
    size_t count, capacity;
};

static bool inside(const struct walk *w, int32_t x, int32_t y)
{
    return x >= 0 && y >= 0 && x < w->width && y < w->height &&
           (w->mask[(size_t)y * (size_t)w->width + (size_t)x] & 1);
}

static bool grow(void **items, size_t *capacity, size_t needed, size_t size)
{
    if (needed <= *capacity)
        return true;
    size_t larger = size_max(needed, size_max(64, *capacity + *capacity / 2));
    void *moved = larger <= SIZE_MAX / size ? realloc(*items, larger * size) : NULL;
    if (!moved)
        return false;
    *items = moved;
    *capacity = larger;
    return true;
}

/* Around the corner (x, y) in the direction of walking: the pixels ahead on the left and on the right. */
static void look(const struct walk *w, int32_t x, int32_t y, enum direction d, bool *left, bool *right)
{
    static const int8_t ahead[4][2][2] = {[UP] = {{-1, -1}, {0, -1}},
                                          [RIGHT] = {{0, -1}, {0, 0}},
                                          [DOWN] = {{0, 0}, {-1, 0}},
                                          [LEFT] = {{-1, 0}, {-1, -1}}};

    *left = inside(w, x + ahead[d][0][0], y + ahead[d][0][1]);
    *right = inside(w, x + ahead[d][1][0], y + ahead[d][1][1]);
}

/* Along the border that runs up the left side of pixel (column, row), until it closes. Turning right where
 * foreground pixels touch diagonally keeps them apart. */
static bool walk_ring(struct walk *w, int32_t column, int32_t row)
{
    static const int8_t step[4][2] = {[UP] = {0, -1}, [RIGHT] = {1, 0}, [DOWN] = {0, 1}, [LEFT] = {-1, 0}};
    int32_t x = column, y = row + 1;
    enum direction d = UP;

    w->count = 0;
    do {
        bool left, right;
        if (d == UP)
            w->mask[(size_t)(y - 1) * (size_t)w->width + (size_t)x] |= VISITED;
        x += step[d][0];
        y += step[d][1];
        look(w, x, y, d, &left, &right);
        if (right && !left)
            continue;
        if (!grow((void **)&w->way, &w->capacity, w->count + 1, sizeof *w->way))
            return false;
        w->way[w->count++] = (struct corner){x, y, left && !right};
        d = right ? (d + 3) % 4 : (d + 1) % 4;
    } while (x != column || y != row + 1 || d != UP);
    return true;
}

static int64_t twice_area(const struct corner *corners, size_t count)
{
    int64_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        const struct corner *a = &corners[i], *b = &corners[i + 1 < count ? i + 1 : 0];
        sum += (int64_t)a->x * b->y - (int64_t)b->x * a->y;
    }
    return sum;
}

static bool add_ring(struct contours *c, const struct corner *corners, const size_t *which, size_t count)
{
    if (!grow((void **)&c->rings, &c->ring_capacity, c->ring_count + 1, sizeof *c->rings) ||
        !grow((void **)&c->corners, &c->corner_capacity, c->corner_count + count, sizeof *c->corners))
        return false;
    struct corner *out = c->corners + c->corner_count;
    for (size_t i = 0; i < count; i++)
        out[i] = corners[which ? which[i] : i];
    c->rings[c->ring_count++] =
        (struct ring){.first = c->corner_count, .count = count, .area = twice_area(out, count)};
    c->corner_count += count;
    return true;
}

/* ---- a way that meets itself becomes several rings */

struct meeting {
    struct corner corner;
    size_t index;
};

static int by_place(const void *a, const void *b)
{
    const struct meeting *p = a, *q = b;

    if (p->corner.y != q->corner.y)
        return p->corner.y < q->corner.y ? -1 : 1;
    if (p->corner.x != q->corner.x)
        return p->corner.x < q->corner.x ? -1 : 1;
    return p->index < q->index ? -1 : p->index > q->index;
}

/* earlier: [count] for a corner where the way was before, that visit's index, else SIZE_MAX. A place is
 * visited twice at most. */
static bool find_meetings(const struct walk *w, size_t *earlier, bool *any)
{
    size_t shared = 0, filled = 0;

    for (size_t i = 0; i < w->count; i++) {
        earlier[i] = SIZE_MAX;
        shared += w->way[i].shared;
    }
    *any = false;
    struct meeting *meetings = memory_zeroed(shared, sizeof *meetings);
    if (!meetings)
        return false;
    for (size_t i = 0; i < w->count; i++)
        if (w->way[i].shared)
            meetings[filled++] = (struct meeting){w->way[i], i};
    qsort(meetings, shared, sizeof *meetings, by_place);
    for (size_t i = 1; i < shared; i++)
        if (meetings[i].corner.x == meetings[i - 1].corner.x &&
            meetings[i].corner.y == meetings[i - 1].corner.y) {
            earlier[meetings[i].index] = meetings[i - 1].index;
            *any = true;
        }
    free(meetings);
    return true;
}

/* Whenever the way comes back to a place, what it walked since then is a ring of its own. */
static bool split_way(struct contours *c, const struct walk *w)
{
    size_t *earlier = memory_zeroed(w->count, 2 * sizeof *earlier), *stack = earlier + w->count, depth = 0;
    bool any, done = earlier && find_meetings(w, earlier, &any);

    if (done && !any)
        done = add_ring(c, w->way, NULL, w->count);
    for (size_t i = 0; done && any && i < w->count; i++) {
        size_t first = depth;
        if (earlier[i] != SIZE_MAX) {
            while (stack[first - 1] != earlier[i])
                first--;
            first--; /* the earlier visit begins the ring, and stays for the rest of the way */
            done = add_ring(c, w->way, stack + first, depth - first);
            depth = first;
            stack[depth++] = earlier[i];
        } else
            stack[depth++] = i;
    }
    if (done && any)
        done = add_ring(c, w->way, stack, depth);
    free(earlier);
    return done;
}

clipseg_status contours_trace(struct contours *contours, uint8_t *mask, size_t width, size_t height,
                              clipseg_error *error)
{
    struct walk w = {.mask = mask, .width = (int32_t)width, .height = (int32_t)height};
    bool done = true;

    *contours = (struct contours){0};
    for (size_t y = 0; done && y < height; y++)
        for (size_t x = 0; done && x < width; x++) {
            uint8_t *pixel = mask + y * width + x;
            if (*pixel != 1 || (x && (pixel[-1] & 1)))
                continue;
            done = walk_ring(&w, (int32_t)x, (int32_t)y);
            bool shared = false;
            for (size_t i = 0; done && i < w.count; i++)
                shared = shared || w.way[i].shared;
            if (done)
                done = shared ? split_way(contours, &w) : add_ring(contours, w.way, NULL, w.count);
        }
    for (size_t i = 0; i < width * height; i++)
        mask[i] &= 1;
    free(w.way);
    if (!done)
        contours_free(contours);
    return done ? CLIPSEG_OK : error_memory(error);
}

void contours_free(struct contours *contours)
{
    free(contours->corners);
    free(contours->rings);
    *contours = (struct contours){0};
}
