/* islands.c: crumbs of a label map to what surrounds them. */
#include "segment/refine/islands.h"

#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "segment/parts.h"

#define LARGE 64.0      /* cells: parts beyond this are no crumbs */
#define SUPPORTED 0.25f /* cells */

/* What is found out about a part, at its root's number. */
struct island {
    uint64_t support; /* pixels where the model agrees */
    bool crumb;
    int64_t votes; /* for `around`: a majority vote over the pixels of the rim (Boyer and Moore) */
    uint16_t around;
};

struct map {
    uint16_t *labels;
    size_t width;
};

static const uint16_t *map_row(void *context, size_t y)
{
    const struct map *map = context;

    return map->labels + y * map->width;
}

static void find_crumbs(struct parts *parts, struct island *islands, double cell, islands_model *model,
                        const void *context)
{
    for (size_t i = 0; i < parts->count; i++) {
        const struct run *run = &parts->items[i];
        size_t root = parts_root(parts, i);
        if ((double)parts->items[root].area > LARGE * cell)
            continue;
        for (size_t x = run->begin; x < run->end; x++)
            islands[root].support += model(context, x, run->row) == run->value;
    }
    for (size_t i = 0; i < parts->count; i++)
        islands[i].crumb = parts->items[i].parent == i && (double)parts->items[i].area <= LARGE * cell &&
                           (double)islands[i].support < (double)SUPPORTED * cell;
}

static void vote(struct island *island, uint16_t label, int64_t pixels)
{
    island->votes += label == island->around ? pixels : -pixels;
    if (island->votes < 0) {
        island->around = label;
        island->votes = -island->votes;
    }
}

/* Runs a and b touch along so many pixels. */
static void touch(struct parts *parts, struct island *islands, size_t a, size_t b, int64_t pixels)
{
    struct island *one = &islands[parts_root(parts, a)], *other = &islands[parts_root(parts, b)];

    if (one->crumb && !other->crumb)
        vote(one, parts->items[b].value, pixels);
    else if (other->crumb && !one->crumb)
        vote(other, parts->items[a].value, pixels);
}

static void ask_around(struct parts *parts, struct island *islands)
{
    const struct run *items = parts->items;
    size_t above = 0; /* the first run that may touch this one from above */

    for (size_t i = 0; i < parts->count; i++) {
        if (i && items[i - 1].row == items[i].row)
            touch(parts, islands, i - 1, i, 1);
        while (items[above].row + 1 < items[i].row ||
               (items[above].row < items[i].row && items[above].end <= items[i].begin))
            above++;
        for (size_t k = above; items[k].row < items[i].row && items[k].begin < items[i].end; k++)
            touch(parts, islands, k, i,
                  (int64_t)size_min(items[k].end, items[i].end) -
                      (int64_t)(items[k].begin > items[i].begin ? items[k].begin : items[i].begin));
    }
}

clipseg_status islands_join(uint16_t *labels, size_t width, size_t height, double cell, islands_model *model,
                            const void *context, clipseg_error *error)
{
    struct map map = {labels, width};
    struct parts parts = {0};
    struct island *islands = NULL;
    bool complete = parts_collect(&parts, map_row, &map, width, height, 0);

    if (complete)
        islands = memory_zeroed(parts.count, sizeof *islands);
    complete = islands != NULL;
    if (complete) {
        find_crumbs(&parts, islands, cell, model, context);
        ask_around(&parts, islands);
    }
    for (size_t i = 0; complete && i < parts.count; i++) {
        const struct run *run = &parts.items[i];
        const struct island *island = &islands[parts_root(&parts, i)];
        for (size_t x = run->begin; island->crumb && island->votes && x < run->end; x++)
            labels[run->row * width + x] = island->around;
    }
    free(islands);
    parts_free(&parts);
    return complete ? CLIPSEG_OK : error_memory(error);
}
