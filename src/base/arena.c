/* arena.c: planned memory. */
#include "base/arena.h"

#include <assert.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/memory.h"

void *arena_take(struct arena *arena, size_t count, size_t size)
{
    size_t bytes, start = arena->used;

    if (arena->overflow)
        return NULL;
    if (!size_multiply(count, size, &bytes) || !size_add(bytes, CACHE_LINE - 1, &bytes) ||
        !size_add(start, bytes / CACHE_LINE * CACHE_LINE, &arena->used)) {
        arena->overflow = true;
        return NULL;
    }
    arena->peak = size_max(arena->peak, arena->used);
    if (!arena->block)
        return NULL;
    assert(arena->used <= arena->capacity);
    return arena->block + start;
}

void arena_go_to(struct arena *arena, size_t used)
{
    arena->used = used;
}

bool arena_allocate(struct arena *arena)
{
    if (arena->overflow)
        return false;
    arena->block = memory_aligned(arena->peak, 1);
    arena->capacity = arena->peak;
    arena->used = 0;
    return arena->block != NULL;
}

void arena_free(struct arena *arena)
{
    free(arena->block);
    *arena = (struct arena){0};
}
