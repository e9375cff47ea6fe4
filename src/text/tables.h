/* tables.h: hash tables of a tokenizer: token -> id, and pair of ids -> rank and merged id. */
#ifndef TEXT_TABLES_H
#define TEXT_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct token_slot {
    const char *text; /* not owned: lies in the JSON document, which lives only while the tables are filled */
    uint32_t length;
    int32_t id;
};

struct token_table {
    struct token_slot *slots; /* capacity is a power of two, at least twice the count */
    size_t capacity;
};

struct pair_slot {
    int32_t left, right, merged; /* left -1: empty */
    uint32_t rank;
};

struct pair_table {
    struct pair_slot *slots;
    size_t capacity;
};

struct tokenizer {
    struct token_table tokens; /* only while it is being made */
    struct pair_table pairs;
    int32_t bytes[256], last_bytes[256]; /* ids of single bytes, inside a word and at its end */
    int32_t start, end;
    size_t size;
};

bool token_table_create(struct token_table *table, size_t count);
/* false: the text is there already */
bool token_table_add(struct token_table *table, const char *text, size_t length, int32_t id);
/* -1: unknown */
int32_t token_table_find(const struct token_table *table, const char *text, size_t length);
void token_table_free(struct token_table *table);

bool pair_table_create(struct pair_table *table, size_t count);
/* The first rank of a pair counts. */
void pair_table_add(struct pair_table *table, int32_t left, int32_t right, uint32_t rank, int32_t merged);
bool pair_table_find(const struct pair_table *table, int32_t left, int32_t right, uint32_t *rank,
                     int32_t *merged);
void pair_table_free(struct pair_table *table);

#endif
