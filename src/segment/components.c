/* components.c: masks without small parts, or without holes. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "segment/parts.h"
#include "segment/shape.h"

struct mask {
    const uint8_t *pixels;
    size_t width;
    uint16_t *row; /* [width]: the row that is looked at */
};

static const uint16_t *mask_row(void *context, size_t y)
{
    const struct mask *mask = context;

    for (size_t x = 0; x < mask->width; x++)
        mask->row[x] = mask->pixels[y * mask->width + x];
    return mask->row;
}

static bool collect(struct parts *parts, const uint8_t *pixels, size_t width, size_t height, uint32_t reach)
{
    struct mask mask = {pixels, width, memory_aligned(width, sizeof *mask.row)};
    bool complete = mask.row && parts_collect(parts, mask_row, &mask, width, height, reach);

    free(mask.row);
    return complete;
}

clipseg_status components_drop_small(uint8_t *mask, size_t width, size_t height, size_t area,
                                     clipseg_error *error)
{
    struct parts parts = {0};
    bool complete = collect(&parts, mask, width, height, 1);

    for (size_t i = 0; complete && i < parts.count; i++) {
        const struct run *run = &parts.items[i];
        if (run->value && parts.items[parts_root(&parts, i)].area < area)
            memset(mask + run->row * width + run->begin, 0, run->end - run->begin);
    }
    parts_free(&parts);
    return complete ? CLIPSEG_OK : error_memory(error);
}

clipseg_status components_fill_holes(uint8_t *mask, size_t width, size_t height, clipseg_error *error)
{
    struct parts parts = {0};
    bool complete = collect(&parts, mask, width, height, 0);

    for (size_t i = 0; complete && i < parts.count; i++) {
        const struct run *run = &parts.items[i];
        if (!run->value && !parts.items[parts_root(&parts, i)].at_border)
            memset(mask + run->row * width + run->begin, 1, run->end - run->begin);
    }
    parts_free(&parts);
    return complete ? CLIPSEG_OK : error_memory(error);
}
