/* parts.c: parts by union-find over runs. */
#include "segment/parts.h"

#include <stdlib.h>

uint32_t parts_root(struct parts *parts, size_t i)
{
    struct run *items = parts->items;

    while (items[i].parent != i) {
        items[i].parent = items[items[i].parent].parent;
        i = items[i].parent;
    }
    return (uint32_t)i;
}

/* The earlier root stays. */
static void join(struct parts *parts, size_t a, size_t b)
{
    a = parts_root(parts, a);
    b = parts_root(parts, b);
    if (a == b)
        return;
    struct run *root = &parts->items[a < b ? a : b], *other = &parts->items[a < b ? b : a];
    other->parent = root->parent;
    root->area += other->area;
    root->at_border = root->at_border || other->at_border;
}

static bool add_run(struct parts *parts, struct run run)
{
    if (parts->count == parts->capacity) {
        size_t capacity = parts->capacity ? 2 * parts->capacity : 1024;
        struct run *items = capacity <= UINT32_MAX ? realloc(parts->items, capacity * sizeof *items) : NULL;
        if (!items)
            return false;
        parts->items = items;
        parts->capacity = capacity;
    }
    run.parent = (uint32_t)parts->count;
    parts->items[parts->count++] = run;
    return true;
}

/* Join the runs of a row with those of the row before that they touch. */
static void join_rows(struct parts *parts, size_t above, size_t first, uint32_t reach)
{
    const struct run *items = parts->items;

    for (size_t i = first; i < parts->count; i++) {
        while (above < first && items[above].end + reach <= items[i].begin)
            above++;
        for (size_t k = above; k < first && items[k].begin < items[i].end + reach; k++)
            if (items[k].value == items[i].value)
                join(parts, k, i);
    }
}

bool parts_collect(struct parts *parts, parts_row *row_of, void *context, size_t width, size_t height,
                   uint32_t reach)
{
    size_t above = 0;

    for (size_t y = 0; y < height; y++) {
        const uint16_t *row = row_of(context, y);
        size_t first = parts->count;
        for (size_t x = 0; x < width;) {
            size_t begin = x;
            while (x < width && row[x] == row[begin])
                x++;
            struct run run = {.row = (uint32_t)y,
                              .begin = (uint32_t)begin,
                              .end = (uint32_t)x,
                              .area = x - begin,
                              .value = row[begin],
                              .at_border = !y || y + 1 == height || !begin || x == width};
            if (!add_run(parts, run))
                return false;
        }
        join_rows(parts, above, first, reach);
        above = first;
    }
    return true;
}

void parts_free(struct parts *parts)
{
    free(parts->items);
    *parts = (struct parts){0};
}
