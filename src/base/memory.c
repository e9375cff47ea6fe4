/* memory.c: allocation with checked sizes and cache-line alignment. */
#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

void *memory_zeroed(size_t count, size_t size)
{
    return calloc(count ? count : 1, size ? size : 1);
}

void *memory_aligned(size_t count, size_t size)
{
    size_t bytes;

    if (!size_multiply(count, size, &bytes) || !size_add(bytes, CACHE_LINE, &bytes))
        return NULL;
    return aligned_alloc(CACHE_LINE, bytes / CACHE_LINE * CACHE_LINE);
}

char *memory_string(const char *text, size_t length)
{
    char *copy = length < SIZE_MAX ? malloc(length + 1) : NULL;

    if (!copy)
        return NULL;
    memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}
