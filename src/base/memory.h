/* memory.h: allocation with checked sizes and cache-line alignment. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>

#define CACHE_LINE 64

/* count * size bytes, zeroed; NULL on overflow or when memory is out. count or size 0 gives a non-NULL block.
 * Free with free(). */
void *memory_zeroed(size_t count, size_t size);

/* count * size bytes, aligned to CACHE_LINE, not initialised; NULL on overflow or when memory is out.
 * Free with free(). */
void *memory_aligned(size_t count, size_t size);

/* A copy of the first `length` bytes with a NUL behind them; NULL when memory is out. Free with free(). */
char *memory_string(const char *text, size_t length);

#endif
