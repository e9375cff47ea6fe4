/* packed_tables.c: a tokenizer's tables into a packed file and out of it: numbers instead of texts, so that a
 * model opens in milliseconds. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "text/tables.h"
#include "text/tokenizer.h"

#define LARGEST_ID (1 << 24)

static int compare_ranks(const void *a, const void *b)
{
    const struct pair_slot *x = a, *y = b;

    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

bool tokenizer_export(const struct tokenizer *tokenizer, struct tokenizer_tables *tables)
{
    const struct pair_table *pairs = &tokenizer->pairs;
    struct pair_slot *used = memory_zeroed(pairs->capacity, sizeof *used);
    size_t count = 0;

    *tables =
        (struct tokenizer_tables){.special = {tokenizer->start, tokenizer->end, (int32_t)tokenizer->size}};
    memcpy(tables->bytes, tokenizer->bytes, sizeof tokenizer->bytes);
    memcpy(tables->bytes + 256, tokenizer->last_bytes, sizeof tokenizer->last_bytes);
    tables->merges = memory_zeroed(pairs->capacity, 3 * sizeof *tables->merges);
    if (!used || !tables->merges) {
        free(used);
        free(tables->merges);
        return false;
    }
    for (size_t i = 0; i < pairs->capacity; i++)
        if (pairs->slots[i].left >= 0)
            used[count++] = pairs->slots[i];
    if (count)
        qsort(used, count, sizeof *used, compare_ranks);
    for (size_t i = 0; i < count; i++) {
        const int32_t triple[] = {used[i].left, used[i].right, used[i].merged};
        memcpy(tables->merges + 3 * i, triple, sizeof triple);
    }
    tables->merge_count = count;
    free(used);
    return true;
}

/* ---- reading */

static int32_t read_number(const clipseg_file *file, size_t index)
{
    const unsigned char *data = (const unsigned char *)file->data + 4 * index;

    return (int32_t)((uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 |
                     (uint32_t)data[3] << 24);
}

/* Numbers [first, first + count) are ids below `size`. */
static bool are_ids(const clipseg_file *file, size_t first, size_t count, size_t size)
{
    for (size_t i = first; i < first + count; i++)
        if (read_number(file, i) < 0 || (size_t)read_number(file, i) >= size)
            return false;
    return true;
}

static bool fill(struct tokenizer *t, const clipseg_file *bytes, const clipseg_file *merges)
{
    size_t count = merges->size / 12;

    for (size_t i = 0; i < 256; i++) {
        t->bytes[i] = read_number(bytes, i);
        t->last_bytes[i] = read_number(bytes, 256 + i);
    }
    if (!pair_table_create(&t->pairs, count))
        return false;
    for (size_t i = 0; i < count; i++)
        pair_table_add(&t->pairs, read_number(merges, 3 * i), read_number(merges, 3 * i + 1), (uint32_t)i,
                       read_number(merges, 3 * i + 2));
    return true;
}

clipseg_status tokenizer_from_tables(struct tokenizer **tokenizer, const char *name,
                                     const clipseg_file *special, const clipseg_file *bytes,
                                     const clipseg_file *merges, clipseg_error *error)
{
    size_t size = special->size == 4 * TOKENIZER_SPECIAL ? (size_t)read_number(special, 2) : 0;

    if (!size || size > LARGEST_ID || bytes->size != 4 * TOKENIZER_BYTES || merges->size % 12 ||
        !are_ids(special, 0, 2, size) || !are_ids(bytes, 0, TOKENIZER_BYTES, size) ||
        !are_ids(merges, 0, merges->size / 4, size))
        return error_set(
            error, CLIPSEG_ERROR_MODEL,
            "%s: clipseg.tokenizer: tables of wrong size, or ids outside the vocabulary; convert the "
            "model again",
            name);
    struct tokenizer *made = memory_zeroed(1, sizeof *made);
    if (!made)
        return error_memory(error);
    made->start = read_number(special, 0);
    made->end = read_number(special, 1);
    made->size = size;
    if (!fill(made, bytes, merges)) {
        tokenizer_free(made);
        return error_memory(error);
    }
    *tokenizer = made;
    return CLIPSEG_OK;
}
