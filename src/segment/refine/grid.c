/* grid.c: numbering the vertices band by band, each band with a hash table of its own, and linking them. */
#include "segment/refine/grid.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

#define NONE UINT32_MAX

/* What is only needed while building. */
struct builder {
    struct grid *grid;
    const uint8_t *rgb;
    const struct grid_cell *cell;
    uint16_t *column; /* [width]: x in cells */
    uint64_t *keys;   /* [height, width]: a band's keys begin where its pixels do */
    uint32_t *slots;  /* [bands, capacity]: hash tables of numbers inside the band */
    size_t capacity;  /* of one band's table, a power of two */
    uint32_t *counts; /* [bands] */
};

/* 16 bits a dimension: x, luma, blue, red. */
enum { SHIFT_COLUMN = 48, SHIFT_LUMA = 32, SHIFT_BLUE = 16, SHIFT_RED = 0 };

static uint64_t key_of(const struct builder *b, size_t x, const uint8_t *rgb)
{
    float red = (float)rgb[0], green = (float)rgb[1], blue = (float)rgb[2];
    float y = 0.299f * red + 0.587f * green + 0.114f * blue;
    float cb = 128.0f + 0.564f * (blue - y), cr = 128.0f + 0.713f * (red - y);

    return (uint64_t)(b->column[x] + 1u) << SHIFT_COLUMN |
           (uint64_t)(y / b->cell->luma + 1.0f) << SHIFT_LUMA |
           (uint64_t)(cb / b->cell->chroma + 1.0f) << SHIFT_BLUE |
           (uint64_t)(cr / b->cell->chroma + 1.0f) << SHIFT_RED;
}

/* The slot that holds the key, or the empty one where it belongs. */
static uint32_t *find_slot(const struct builder *b, size_t band, uint64_t key)
{
    uint32_t *slots = b->slots + band * b->capacity;
    const uint64_t *keys = b->keys + band * b->grid->band_height * b->grid->width;
    size_t i = (size_t)((key * 0x9e3779b97f4a7c15u) >> 20) & (b->capacity - 1);

    while (slots[i] != NONE && keys[slots[i]] != key)
        i = (i + 1) & (b->capacity - 1);
    return &slots[i];
}

static void number_band(void *context, size_t band, size_t worker)
{
    struct builder *b = context;
    struct grid *g = b->grid;
    size_t top = band * g->band_height, bottom = size_min(top + g->band_height, g->height);
    uint64_t *keys = b->keys + top * g->width;
    uint64_t known = 0; /* the pixel before often looks the same */
    uint32_t count = 0, number = 0;

    (void)worker;
    memset(b->slots + band * b->capacity, 0xff, b->capacity * sizeof *b->slots);
    for (size_t y = top; y < bottom; y++)
        for (size_t x = 0; x < g->width; x++) {
            size_t pixel = y * g->width + x;
            uint64_t key = key_of(b, x, b->rgb + 3 * pixel);
            if (key != known) {
                uint32_t *slot = find_slot(b, band, key);
                if (*slot == NONE) {
                    keys[count] = key;
                    *slot = count++;
                }
                known = key;
                number = *slot;
            }
            g->vertex[pixel] = number;
        }
    b->counts[band] = count;
}

static uint32_t look_up(const struct builder *b, size_t band, uint64_t key)
{
    uint32_t number = *find_slot(b, band, key);

    return number == NONE ? (uint32_t)b->grid->vertices : b->grid->band_first[band] + number;
}

static void link_band(void *context, size_t band, size_t worker)
{
    const struct builder *b = context;
    struct grid *g = b->grid;
    size_t top = band * g->band_height, bottom = size_min(top + g->band_height, g->height);
    const uint64_t *keys = b->keys + top * g->width;
    uint32_t first = g->band_first[band], none = (uint32_t)g->vertices;

    (void)worker;
    for (size_t i = top * g->width; i < bottom * g->width; i++)
        g->vertex[i] += first;
    for (size_t v = 0; v < b->counts[band]; v++) {
        uint32_t *link = g->links + (first + v) * GRID_LINKS;
        for (int shift = SHIFT_RED; shift <= SHIFT_COLUMN; shift += 16) {
            *link++ = look_up(b, band, keys[v] - ((uint64_t)1 << shift));
            *link++ = look_up(b, band, keys[v] + ((uint64_t)1 << shift));
        }
        *link++ = band ? look_up(b, band - 1, keys[v]) : none;
        *link++ = band + 1 < g->bands ? look_up(b, band + 1, keys[v]) : none;
    }
}

/* Room for the numbering; false when memory is out. */
static bool prepare(struct builder *b)
{
    struct grid *g = b->grid;
    size_t pixels = g->width * g->height, in_band = g->width * size_min(g->band_height, g->height);

    for (b->capacity = 16; b->capacity < in_band + in_band / 2; b->capacity *= 2)
        ;
    b->column = memory_aligned(g->width, sizeof *b->column);
    b->keys = memory_aligned(pixels, sizeof *b->keys);
    b->slots = memory_aligned(g->bands * b->capacity, sizeof *b->slots);
    b->counts = memory_zeroed(g->bands, sizeof *b->counts);
    g->band_first = memory_zeroed(g->bands + 1, sizeof *g->band_first);
    g->vertex = memory_aligned(pixels, sizeof *g->vertex);
    if (!b->column || !b->keys || !b->slots || !b->counts || !g->band_first || !g->vertex)
        return false;
    for (size_t x = 0; x < g->width; x++)
        b->column[x] = (uint16_t)(size_t)((float)x / b->cell->pixels);
    return true;
}

static bool number_and_link(struct builder *b, struct pool *pool)
{
    struct grid *g = b->grid;

    pool_run(pool, g->bands, number_band, b);
    for (size_t i = 0; i < g->bands; i++)
        g->band_first[i + 1] = g->band_first[i] + b->counts[i];
    g->vertices = g->band_first[g->bands];
    g->links = memory_aligned(g->vertices * GRID_LINKS, sizeof *g->links);
    g->mass = memory_aligned(g->vertices, sizeof *g->mass);
    g->scale = memory_aligned(g->vertices + 1, sizeof *g->scale);
    float *scratch = memory_aligned(2 * (g->vertices + 1), sizeof *scratch);
    bool complete = g->links && g->mass && g->scale && scratch;
    if (complete) {
        pool_run(pool, g->bands, link_band, b);
        grid_balance(g, pool, scratch);
    }
    free(scratch);
    return complete;
}

clipseg_status grid_build(struct grid *grid, const uint8_t *rgb, size_t width, size_t height,
                          const struct grid_cell *cell, struct pool *pool, clipseg_error *error)
{
    size_t band_height = size_max(1, (size_t)(cell->pixels + 0.5f));
    struct builder b = {.grid = grid, .rgb = rgb, .cell = cell};

    *grid = (struct grid){.width = width, .height = height, .band_height = band_height};
    grid->bands = (height + band_height - 1) / band_height;
    bool complete = prepare(&b) && number_and_link(&b, pool);
    free(b.column);
    free(b.keys);
    free(b.slots);
    free(b.counts);
    if (complete)
        return CLIPSEG_OK;
    grid_free(grid);
    return error_memory(error);
}

void grid_free(struct grid *grid)
{
    free(grid->band_first);
    free(grid->vertex);
    free(grid->links);
    free(grid->mass);
    free(grid->scale);
    *grid = (struct grid){0};
}
