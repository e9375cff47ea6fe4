/* guarded.h: operands whose last element lies before a page that must not be touched. They leak on purpose: a
 * test is short. */
#ifndef TESTS_KERNELS_GUARDED_H
#define TESTS_KERNELS_GUARDED_H

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static inline uint8_t *guarded_bytes(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (bytes + page - 1) / page * page;
    uint8_t *block = mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (block == MAP_FAILED || mprotect(block + whole, page, PROT_NONE))
        abort();
    return block + whole - bytes;
}

static inline float *guarded(size_t count)
{
    return (float *)(void *)guarded_bytes(count * sizeof(float));
}

#endif
