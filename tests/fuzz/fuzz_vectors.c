/* fuzz_vectors.c: the vector file of an index, searched whatever it holds. The input replaces the first page
 * and the start of the block behind it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "index/scan.h"

#define PAGE 4096
#define DIMENSION 8 /* small, so that every input has whole blocks */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pool *pool;
    size_t header = size < 32 ? size : 32, whole = PAGE + 2 * vectors_block_bytes(DIMENSION);
    unsigned char *file = aligned_alloc(PAGE, (whole + PAGE - 1) / PAGE * PAGE);
    float query[DIMENSION] = {0.5f, -0.5f, 0.5f, 0.5f};
    struct vectors vectors = {0};
    struct kernels kernels;
    struct match matches[5];
    clipseg_error error;
    size_t found;

    pool = pool ? pool : pool_create(1);
    if (!pool || !file || !kernels_init(&kernels, NULL))
        abort();
    memset(file, 0, whole);
    memcpy(file, data, header);
    memcpy(file + PAGE, data + header, size - header < whole - PAGE ? size - header : whole - PAGE);
    if (!vectors_read(&vectors, file, whole, "input", &error) && vectors.dimension == DIMENSION) {
        uint32_t *group = malloc(vectors.blocks * VECTORS_BLOCK * sizeof *group);
        if (scan_best(&vectors, &kernels, pool, query, 5, matches, &found, &error) || !group)
            abort();
        for (size_t i = 0; i < found; i++)
            if (!matches[i].id || matches[i].slot >= vectors.blocks * VECTORS_BLOCK)
                abort();
        scan_groups(&vectors, &kernels, pool, 0.9, group);
        free(group);
    }
    free(file);
    return 0;
}
