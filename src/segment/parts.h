/* parts.h: connected parts of a map of values, as runs of pixels joined by union-find, one pass over the
 * rows.
 */
#ifndef SEGMENT_PARTS_H
#define SEGMENT_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct run {
    uint32_t row, begin, end; /* pixels begin .. end - 1 */
    uint32_t parent;          /* a run of the same part; itself: the part's root */
    uint64_t area;            /* roots: pixels of the part */
    uint16_t value;
    bool at_border; /* roots: touches the picture's edge */
};

/* Row by row, from left to right; every pixel lies in one of them. */
struct parts {
    struct run *items; /* [count] */
    size_t count, capacity;
};

/* Row y of the map, [width]; valid until the next call. */
typedef const uint16_t *parts_row(void *context, size_t y);

/* reach: 0 joins pixels of equal value side by side and one above the other, 1 also across corners. parts:
 * all zero before; to be freed whatever comes out. false: memory ran out. */
bool parts_collect(struct parts *parts, parts_row *row, void *context, size_t width, size_t height,
                   uint32_t reach);

/* The number of the run that stands for the part of run i. */
uint32_t parts_root(struct parts *parts, size_t i);

void parts_free(struct parts *parts);

#endif
