/* query_ask.c: the decoder answers for every thing once, then rows are put together from the answers; a few
 * rows at a time, so that memory does not grow with their number. */
#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/query.h"

#define ROWS_AT_ONCE 32
#define NOWHERE SIZE_MAX

clipseg_status query_answers_begin(struct query_answers *a, const struct query *q,
                                   const clipseg_session *session, size_t width, size_t height, bool presence,
                                   clipseg_error *error)
{
    size_t side = clipseg_session_logits_size(session), area = side * side, depth = 1, leaves = 1;

    for (size_t i = 0; i < q->count; i++) {
        depth = size_max(depth, expression_depth(&q->items[i].expression));
        leaves = size_max(leaves, q->items[i].expression.leaf_count);
    }
    *a = (struct query_answers){.side = side, .width = width, .height = height};
    a->most = size_min(ROWS_AT_ONCE, q->count);
    a->map_capacity = size_min(LEAVES_AT_ONCE + leaves, q->things.count);
    a->logits = memory_aligned(a->most * area, sizeof *a->logits);
    a->background = q->background ? memory_aligned(area, sizeof *a->background) : NULL;
    a->presence = presence ? memory_zeroed(q->count, sizeof *a->presence) : NULL;
    a->prompts = memory_zeroed(q->things.count, sizeof *a->prompts);
    a->slots = memory_zeroed(q->things.count, sizeof *a->slots);
    a->leaves = memory_zeroed(leaves, sizeof *a->leaves);
    a->maps = memory_aligned(a->map_capacity * area, sizeof *a->maps);
    a->stack = memory_aligned(depth * area, sizeof *a->stack);
    if (!a->logits || (q->background && !a->background) || (presence && !a->presence) || !a->prompts ||
        !a->slots || !a->leaves || !a->maps || !a->stack)
        return error_memory(error);
    return CLIPSEG_OK;
}

/* Take up what a row needs; the number of maps then. */
static size_t gather(struct query_answers *a, const struct query *q, size_t row, size_t maps)
{
    const struct expression *e = &q->items[row].expression;

    for (size_t i = 0; i < e->leaf_count; i++) {
        size_t thing = e->leaves[i].id;
        if (a->slots[thing] != NOWHERE)
            continue;
        a->slots[thing] = maps;
        a->prompts[maps++] = q->things.prompts[thing];
    }
    return maps;
}

/* Every row's presence from its things'. What a picture shows is more alike to every picture than a text is,
 * so that it says nothing about rows with visual prompts. */
static clipseg_status measure_presence(struct query_answers *a, const struct query *q,
                                       clipseg_session *session, clipseg_error *error)
{
    float *things = memory_zeroed(q->things.count, sizeof *things), *leaves;
    clipseg_status status =
        things ? clipseg_session_presence(session, q->things.prompts, q->things.count, things, error)
               : error_memory(error);

    for (size_t i = 0; !status && i < q->count; i++) {
        const struct expression *e = &q->items[i].expression;
        leaves = memory_zeroed(e->leaf_count, sizeof *leaves);
        for (size_t k = 0; leaves && k < e->leaf_count; k++) {
            size_t thing = e->leaves[k].id;
            leaves[k] = q->things.items[thing].is_visual ? NAN : things[thing];
        }
        if (leaves)
            a->presence[i] = expression_presence(e, leaves);
        else
            status = error_memory(error);
        free(leaves);
    }
    free(things);
    return status;
}

clipseg_status query_answers_next(struct query_answers *a, const struct query *q, clipseg_session *session,
                                  clipseg_error *error)
{
    size_t area = a->side * a->side, maps = 0;
    clipseg_status status = CLIPSEG_OK;

    a->first += a->count;
    a->count = 0;
    for (size_t i = 0; i < q->things.count; i++)
        a->slots[i] = NOWHERE;
    while (a->first + a->count < q->count && a->count < a->most && maps < LEAVES_AT_ONCE)
        maps = gather(a, q, a->first + a->count++, maps);
    status = clipseg_session_logits(session, a->prompts, maps, a->maps, error);
    if (!status && a->background && !a->first)
        status =
            clipseg_session_logits(session, &q->things.prompts[q->background_thing], 1, a->background, error);
    if (!status && a->presence && !a->first)
        status = measure_presence(a, q, session, error);
    for (size_t i = 0; !status && i < a->count; i++) {
        const struct expression *e = &q->items[a->first + i].expression;
        if (a->presence && a->presence[a->first + i] < q->min_presence) {
            for (size_t k = 0; k < area; k++)
                a->logits[i * area + k] = -EXPRESSION_LIMIT;
            continue;
        }
        for (size_t k = 0; k < e->leaf_count; k++)
            a->leaves[k] = a->maps + a->slots[e->leaves[k].id] * area;
        status = expression_evaluate(e, a->leaves, a->side, a->width, a->height, a->stack,
                                     a->logits + i * area, error);
    }
    return status;
}

void query_answers_free(struct query_answers *a)
{
    free(a->logits);
    free(a->background);
    free(a->presence);
    free(a->prompts);
    free(a->slots);
    free(a->leaves);
    free(a->maps);
    free(a->stack);
    *a = (struct query_answers){0};
}
