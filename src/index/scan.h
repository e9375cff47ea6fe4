/* scan.h: the vectors of an index that are most like a query, exactly. */
#ifndef INDEX_SCAN_H
#define INDEX_SCAN_H

#include "base/pool.h"
#include "index/vectors.h"
#include "kernels/kernels.h"

struct match {
    uint64_t id;
    size_t slot;
    double score; /* the product of the two vectors: their cosine */
};

/* The `most` slots with the largest products with `query` ([dimension]), largest first, equal ones by id;
 * what is found is what comparing all floats finds. matches: [most]; found: how many there are. Errors:
 * MEMORY. */
clipseg_status scan_best(const struct vectors *vectors, const struct kernels *kernels, struct pool *pool,
                         const float *query, size_t most, struct match *matches, size_t *found,
                         clipseg_error *error);

/* Groups of vectors that are linked by products of at least `similarity`: group[slot] becomes the smallest
 * slot of its group, a slot's own number when it is alone or empty. group: [VECTORS_BLOCK * blocks]. */
void scan_groups(const struct vectors *vectors, const struct kernels *kernels, struct pool *pool,
                 double similarity, uint32_t *group);

#endif
