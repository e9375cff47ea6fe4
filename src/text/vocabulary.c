/* vocabulary.c: the tables of a tokenizer, and byte-pair merging with a heap. */
#include "text/vocabulary.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/memory.h"
#include "text/tables.h"

int32_t vocabulary_start(const struct tokenizer *tokenizer)
{
    return tokenizer->start;
}

int32_t vocabulary_end(const struct tokenizer *tokenizer)
{
    return tokenizer->end;
}

size_t tokenizer_size(const struct tokenizer *tokenizer)
{
    return tokenizer->size;
}

void tokenizer_free(struct tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    token_table_free(&tokenizer->tokens);
    pair_table_free(&tokenizer->pairs);
    free(tokenizer);
}

/* ---- merging: symbols in a linked list, possible merges in a heap ordered by rank, then by place */

struct symbol {
    int32_t id;
    size_t previous, next; /* SIZE_MAX: none */
};

struct candidate {
    uint32_t rank;
    int32_t left, right, merged;
    size_t place; /* of the left symbol */
};

struct merging {
    const struct tokenizer *tokenizer;
    struct symbol *symbols;
    struct candidate *heap;
    size_t heap_count;
};

static bool before(const struct candidate *a, const struct candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->place < b->place;
}

static void push(struct merging *m, struct candidate candidate)
{
    size_t i = m->heap_count++;

    for (; i && before(&candidate, &m->heap[(i - 1) / 2]); i = (i - 1) / 2)
        m->heap[i] = m->heap[(i - 1) / 2];
    m->heap[i] = candidate;
}

static struct candidate pop(struct merging *m)
{
    struct candidate top = m->heap[0], last = m->heap[--m->heap_count];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < m->heap_count && before(&m->heap[child + 1], &m->heap[child]))
            child++;
        if (child >= m->heap_count || !before(&m->heap[child], &last))
            break;
        m->heap[i] = m->heap[child];
        i = child;
    }
    m->heap[i] = last;
    return top;
}

/* If the symbol at `place` and the next one can be merged, remember it. */
static void consider(struct merging *m, size_t place)
{
    size_t next = place == SIZE_MAX ? SIZE_MAX : m->symbols[place].next;
    struct candidate c = {.place = place};

    if (next == SIZE_MAX)
        return;
    c.left = m->symbols[place].id;
    c.right = m->symbols[next].id;
    if (pair_table_find(&m->tokenizer->pairs, c.left, c.right, &c.rank, &c.merged))
        push(m, c);
}

static void merge_all(struct merging *m)
{
    while (m->heap_count) {
        struct candidate c = pop(m);
        struct symbol *left = &m->symbols[c.place];
        if (left->id != c.left || left->next == SIZE_MAX || m->symbols[left->next].id != c.right)
            continue; /* one of the two was merged away since */
        size_t gone = left->next;
        left->id = c.merged;
        left->next = m->symbols[gone].next;
        m->symbols[gone].id = -1;
        if (left->next != SIZE_MAX)
            m->symbols[left->next].previous = c.place;
        consider(m, left->previous);
        consider(m, c.place);
    }
}

size_t vocabulary_merge(const struct tokenizer *tokenizer, const char *piece, size_t length, int32_t *ids)
{
    struct merging m = {.tokenizer = tokenizer,
                        .symbols = memory_zeroed(length, sizeof *m.symbols),
                        .heap = memory_zeroed(length * 3, sizeof *m.heap)};
    size_t count = 0;

    if (m.symbols && m.heap) {
        for (size_t i = 0; i < length; i++) {
            const int32_t *table = i + 1 == length ? tokenizer->last_bytes : tokenizer->bytes;
            m.symbols[i] = (struct symbol){table[(unsigned char)piece[i]], i ? i - 1 : SIZE_MAX,
                                           i + 1 < length ? i + 1 : SIZE_MAX};
        }
        for (size_t i = 0; i < length; i++)
            consider(&m, i);
        merge_all(&m);
        for (size_t i = 0; i != SIZE_MAX; i = m.symbols[i].next)
            ids[count++] = m.symbols[i].id;
    }
    free(m.symbols);
    free(m.heap);
    return count;
}
