/* duplicates.c: `clipseg search --duplicates`: groups of pictures that are nearly the same. */
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/search/search.h"
#include "index/vector.h"

/* A slot and the group that it is in. */
struct member {
    uint32_t group, slot;
};

static int by_group(const void *a, const void *b)
{
    const struct member *x = a, *y = b;

    return x->group != y->group ? (x->group < y->group ? -1 : 1) : x->slot < y->slot ? -1 : x->slot > y->slot;
}

/* The pictures of one group; those that the database no longer names are left out, and so is a group of one.
 */
static clipseg_status add_group(struct search *search, const struct member *members, size_t count,
                                uint32_t number, size_t *added, clipseg_error *error)
{
    const struct vectors *v = &search->vectors;
    size_t first = search->hit_count;

    *added = 0;
    for (size_t i = 0; i < count; i++) {
        size_t slot = members[i].slot;
        struct hit *hit = &search->hits[search->hit_count];
        uint64_t id = vectors_slots(v, slot / VECTORS_BLOCK)[slot % VECTORS_BLOCK].id;
        clipseg_status status = database_find(search->database, id, slot, &hit->path, error);
        if (status)
            return status;
        if (!hit->path)
            continue;
        hit->score =
            vector_product(vectors_floats(v, members[0].slot), vectors_floats(v, slot), v->dimension);
        hit->group = number;
        search->hit_count++;
    }
    if (search->hit_count - first < 2) {
        while (search->hit_count > first)
            free(search->hits[--search->hit_count].path);
        return CLIPSEG_OK;
    }
    *added = search->hit_count - first;
    return CLIPSEG_OK;
}

static clipseg_status add_groups(struct search *search, const struct member *members, size_t count,
                                 clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;
    uint32_t number = 1;

    for (size_t i = 0, next; !status && i < count; i = next) {
        size_t added;
        for (next = i + 1; next < count && members[next].group == members[i].group;)
            next++;
        status = next - i > 1 ? add_group(search, members + i, next - i, number, &added, error) : CLIPSEG_OK;
        number += next - i > 1 && !status && added;
    }
    return status;
}

clipseg_status search_duplicates(struct search *search, clipseg_error *error)
{
    const struct vectors *v = &search->vectors;
    size_t slots = v->blocks * VECTORS_BLOCK, count = 0;
    uint32_t *group = memory_zeroed(slots, sizeof *group);
    struct member *members = memory_zeroed(slots, sizeof *members);
    clipseg_status status = CLIPSEG_OK;

    search->hits = memory_zeroed(slots, sizeof *search->hits);
    if (!group || !members || !search->hits) {
        status = error_memory(error);
    } else {
        scan_groups(v, &search->kernels, search->pool, search->similarity, group);
        for (size_t i = 0; i < slots; i++)
            if (vectors_slots(v, i / VECTORS_BLOCK)[i % VECTORS_BLOCK].id)
                members[count++] = (struct member){group[i], (uint32_t)i};
        qsort(members, count, sizeof *members, by_group);
        status = add_groups(search, members, count, error);
    }
    free(group);
    free(members);
    return status;
}
