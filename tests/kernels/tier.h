/* tier.h: the kernel table of the tier in $CLIPSEG_CPU, or of AVX-512 in emulation where the build has it. */
#ifndef TESTS_KERNELS_TIER_H
#define TESTS_KERNELS_TIER_H

#include <string.h>

#include "kernels/kernels.h"
#include "tests/test.h"

#if defined(EMULATED_AVX512)
/* The sources of src/kernels/avx512 once more, compiled with tests/kernels/emulated_avx512.h. */
void emulated_kernels_init_avx512(struct kernels *table);
#endif

/* Ends the program when there is no such tier. */
static inline void test_tier(struct kernels *table)
{
    const char *name = getenv("CLIPSEG_CPU");

    if (!name || strcmp(name, "avx512-emulated") != 0) {
        if (!kernels_init(table, name))
            exit(2);
        return;
    }
#if defined(EMULATED_AVX512)
    if (!kernels_init(table, NULL))
        exit(2);
    emulated_kernels_init_avx512(table);
#else
    printf("skip all: AVX-512 is emulated on its own architecture only\n");
    exit(0);
#endif
}

#endif
