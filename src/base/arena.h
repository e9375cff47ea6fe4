/* arena.h: one block of memory that is planned before it is allocated, so that a forward pass allocates
 * nothing.
 *
 * A plan and its use are the same code run twice: first on an arena without a block, which only adds up sizes
 * and hands out NULL, then on one with a block of the size found. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena {
    char *block;     /* NULL while planning */
    size_t capacity; /* bytes in block */
    size_t used;     /* bytes handed out, each piece rounded up to CACHE_LINE */
    size_t peak;     /* the largest `used` so far */
    bool overflow;   /* a size did not fit into size_t */
};

/* count * size bytes aligned to CACHE_LINE; NULL while planning. Asking a real arena for more than was
 * planned is a programmer's mistake (assert). */
void *arena_take(struct arena *arena, size_t count, size_t size);

/* For memory that two users need at different times: note arena->used, let the one take its own, go back to
 * what was noted, let the other take its own, and go on behind the larger of both. */
void arena_go_to(struct arena *arena, size_t used);

/* Allocate `peak` bytes for an arena that has been planned; false when memory is out or a size overflowed. */
bool arena_allocate(struct arena *arena);

void arena_free(struct arena *arena);

#endif
