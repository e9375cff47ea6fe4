/* components.c: connected parts as runs of pixels joined by union-find, one pass over the rows. */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "segment/shape.h"

struct run {
    uint32_t row, begin, end; /* pixels begin .. end - 1 */
    uint32_t parent;          /* a run of the same part; itself: the part's root */
    uint64_t area;            /* roots: pixels of the part */
    bool at_border;           /* roots: touches the picture's edge */
};

struct runs {
    struct run *items; /* [count], row by row, from left to right */
    size_t count, capacity;
};

static uint32_t find_root(struct run *runs, uint32_t i)
{
    while (runs[i].parent != i) {
        runs[i].parent = runs[runs[i].parent].parent;
        i = runs[i].parent;
    }
    return i;
}

/* The earlier root stays. */
static void join(struct run *runs, uint32_t a, uint32_t b)
{
    a = find_root(runs, a);
    b = find_root(runs, b);
    if (a == b)
        return;
    uint32_t root = a < b ? a : b, other = a < b ? b : a;
    runs[other].parent = root;
    runs[root].area += runs[other].area;
    runs[root].at_border = runs[root].at_border || runs[other].at_border;
}

static bool add_run(struct runs *runs, struct run run)
{
    if (runs->count == runs->capacity) {
        size_t capacity = runs->capacity ? 2 * runs->capacity : 1024;
        struct run *items = capacity <= UINT32_MAX ? realloc(runs->items, capacity * sizeof *items) : NULL;
        if (!items)
            return false;
        runs->items = items;
        runs->capacity = capacity;
    }
    run.parent = (uint32_t)runs->count;
    runs->items[runs->count++] = run;
    return true;
}

/* Join the runs of a row with those of the row before that they touch; reach: 1 also across corners. */
static void join_rows(struct run *runs, size_t above, size_t first, size_t end, uint32_t reach)
{
    for (size_t i = first; i < end; i++) {
        while (above < first && runs[above].end + reach <= runs[i].begin)
            above++;
        for (size_t k = above; k < first && runs[k].begin < runs[i].end + reach; k++)
            join(runs, (uint32_t)k, (uint32_t)i);
    }
}

/* All parts of pixels with this value. */
static bool collect(struct runs *runs, const uint8_t *mask, uint8_t value, size_t width, size_t height,
                    uint32_t reach)
{
    size_t above = 0;

    for (size_t y = 0; y < height; y++) {
        const uint8_t *row = mask + y * width;
        size_t first = runs->count;
        for (size_t x = 0; x < width;) {
            size_t begin = x;
            while (x < width && row[x] == value)
                x++;
            struct run run = {(uint32_t)y, (uint32_t)begin, (uint32_t)x,
                              0,           x - begin,       !y || y + 1 == height || !begin || x == width};
            if (x > begin && !add_run(runs, run))
                return false;
            x += x < width;
        }
        join_rows(runs->items, above, first, runs->count, reach);
        above = first;
    }
    return true;
}

clipseg_status components_drop_small(uint8_t *mask, size_t width, size_t height, size_t area,
                                     clipseg_error *error)
{
    struct runs runs = {0};
    bool complete = collect(&runs, mask, 1, width, height, 1);

    for (size_t i = 0; complete && i < runs.count; i++) {
        const struct run *run = &runs.items[i];
        if (runs.items[find_root(runs.items, (uint32_t)i)].area < area)
            memset(mask + run->row * width + run->begin, 0, run->end - run->begin);
    }
    free(runs.items);
    return complete ? CLIPSEG_OK : error_memory(error);
}

clipseg_status components_fill_holes(uint8_t *mask, size_t width, size_t height, clipseg_error *error)
{
    struct runs runs = {0};
    bool complete = collect(&runs, mask, 0, width, height, 0);

    for (size_t i = 0; complete && i < runs.count; i++) {
        const struct run *run = &runs.items[i];
        if (!runs.items[find_root(runs.items, (uint32_t)i)].at_border)
            memset(mask + run->row * width + run->begin, 1, run->end - run->begin);
    }
    free(runs.items);
    return complete ? CLIPSEG_OK : error_memory(error);
}
