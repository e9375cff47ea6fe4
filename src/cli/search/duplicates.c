/* duplicates.c: `clipseg search --duplicates`: groups of pictures that are nearly the same.
 *
 * Comparing all pairs gives chains, in which the ends may have little in common. Each chain is cut into
 * groups around a picture: the first one that is in no group yet takes all that are similar to it. */
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

/* A chain that is being cut. */
struct cut {
    const struct search *search;
    struct member *members; /* [count] of one chain; group: the leader's slot, or UINT32_MAX for none yet */
    size_t leader;
};

static void join_leader(void *context, size_t task, size_t worker)
{
    const struct cut *cut = context;
    const struct vectors *v = &cut->search->vectors;
    const struct member *leader = &cut->members[cut->leader];
    struct member *member = &cut->members[cut->leader + 1 + task];

    (void)worker;
    if (member->group == UINT32_MAX &&
        vector_product(vectors_floats(v, leader->slot), vectors_floats(v, member->slot), v->dimension) >=
            cut->search->similarity)
        member->group = leader->slot;
}

static void cut_chain(const struct search *search, struct member *members, size_t count)
{
    struct cut cut = {search, members, 0};

    for (size_t i = 0; i < count; i++)
        members[i].group = UINT32_MAX;
    for (; cut.leader < count; cut.leader++) {
        struct member *leader = &members[cut.leader];
        if (leader->group != UINT32_MAX)
            continue;
        leader->group = leader->slot;
        pool_run(search->pool, count - cut.leader - 1, join_leader, &cut);
    }
}

/* How many of the members, from the first one on, are in its group. */
static size_t group_size(const struct member *members, size_t count)
{
    size_t size = 1;

    while (size < count && members[size].group == members[0].group)
        size++;
    return size;
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

static clipseg_status add_groups(struct search *search, struct member *members, size_t count,
                                 clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;
    uint32_t number = 1;

    for (size_t i = 0, size; i < count; i += size) {
        size = group_size(members + i, count - i);
        cut_chain(search, members + i, size);
    }
    qsort(members, count, sizeof *members, by_group);
    for (size_t i = 0, size; !status && i < count; i += size) {
        size_t added = 0;
        size = group_size(members + i, count - i);
        if (size > 1)
            status = add_group(search, members + i, size, number, &added, error);
        number += added > 0;
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
