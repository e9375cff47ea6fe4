/* tables.c: open addressing with linear probing. */
#include "text/tables.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static size_t capacity_for(size_t count)
{
    size_t capacity = 16;

    while (capacity < 2 * count)
        capacity *= 2;
    return capacity;
}

static size_t hash_text(const char *text, size_t length)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
    return (size_t)(hash ^ hash >> 32);
}

static size_t hash_pair(int32_t left, int32_t right)
{
    uint64_t key = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9e3779b97f4a7c15u;

    return (size_t)(key ^ key >> 32);
}

bool token_table_create(struct token_table *table, size_t count)
{
    table->capacity = capacity_for(count);
    table->slots = memory_zeroed(table->capacity, sizeof *table->slots);
    return table->slots != NULL;
}

/* The slot of a text, or the empty one where it belongs. */
static struct token_slot *token_slot(const struct token_table *table, const char *text, size_t length)
{
    for (size_t i = hash_text(text, length);; i++) {
        struct token_slot *slot = &table->slots[i & (table->capacity - 1)];
        if (!slot->text || (slot->length == length && !memcmp(slot->text, text, length)))
            return slot;
    }
}

bool token_table_add(struct token_table *table, const char *text, size_t length, int32_t id)
{
    struct token_slot *slot = token_slot(table, text, length);

    if (slot->text)
        return false;
    *slot = (struct token_slot){text, (uint32_t)length, id};
    return true;
}

int32_t token_table_find(const struct token_table *table, const char *text, size_t length)
{
    const struct token_slot *slot = token_slot(table, text, length);

    return slot->text ? slot->id : -1;
}

void token_table_free(struct token_table *table)
{
    free(table->slots);
    *table = (struct token_table){0};
}

bool pair_table_create(struct pair_table *table, size_t count)
{
    table->capacity = capacity_for(count);
    table->slots = memory_zeroed(table->capacity, sizeof *table->slots);
    for (size_t i = 0; table->slots && i < table->capacity; i++)
        table->slots[i].left = -1;
    return table->slots != NULL;
}

static struct pair_slot *pair_slot(const struct pair_table *table, int32_t left, int32_t right)
{
    for (size_t i = hash_pair(left, right);; i++) {
        struct pair_slot *slot = &table->slots[i & (table->capacity - 1)];
        if (slot->left < 0 || (slot->left == left && slot->right == right))
            return slot;
    }
}

void pair_table_add(struct pair_table *table, int32_t left, int32_t right, uint32_t rank, int32_t merged)
{
    struct pair_slot *slot = pair_slot(table, left, right);

    if (slot->left < 0)
        *slot = (struct pair_slot){left, right, merged, rank};
}

bool pair_table_find(const struct pair_table *table, int32_t left, int32_t right, uint32_t *rank,
                     int32_t *merged)
{
    const struct pair_slot *slot = pair_slot(table, left, right);

    *rank = slot->rank;
    *merged = slot->merged;
    return slot->left >= 0;
}

void pair_table_free(struct pair_table *table)
{
    free(table->slots);
    *table = (struct pair_table){0};
}
