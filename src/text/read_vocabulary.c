/* read_vocabulary.c: vocab.json with merges.txt, or tokenizer.json, into a tokenizer's tables. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "text/tables.h"
#include "text/vocabulary.h"

#define LARGEST_ID (1 << 24)
#define MOST_TOKENS ((size_t)1 << 18) /* CLIP has 49,408 */
#define MOST_MERGES ((size_t)1 << 18)

struct reading {
    struct tokenizer *tokenizer;
    const char *name; /* of the file, for messages */
    uint32_t rank;
    clipseg_error *error;
};

__attribute__((format(printf, 2, 3))) static clipseg_status refuse(const struct reading *r,
                                                                   const char *format, ...)
{
    char text[300];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return error_set(r->error, CLIPSEG_ERROR_MODEL, "%s: %s; get the tokenizer's files again", r->name, text);
}

/* ---- tokens */

static clipseg_status add_tokens(struct reading *r, json_t *vocab)
{
    struct tokenizer *t = r->tokenizer;
    size_t count = json_object_size(vocab);
    const char *text;
    json_t *id;

    if (!json_is_object(vocab) || !count)
        return refuse(r, "want an object with tokens and their ids");
    if (count > MOST_TOKENS)
        return refuse(r, "%zu tokens, more than the %zu that are read", count, MOST_TOKENS);
    if (!token_table_create(&t->tokens, count))
        return error_memory(r->error);
    char *seen = memory_zeroed(LARGEST_ID / 8, 1);
    if (!seen)
        return error_memory(r->error);
    clipseg_status status = CLIPSEG_OK;
    json_object_foreach(vocab, text, id)
    {
        json_int_t value = json_integer_value(id);
        if (!json_is_integer(id) || value < 0 || value >= LARGEST_ID) {
            status = refuse(r, "token \"%.60s\": want an id from 0 to %d", text, LARGEST_ID - 1);
            break;
        }
        if (seen[value / 8] >> value % 8 & 1) {
            status = refuse(r, "id %lld occurs twice", (long long)value);
            break;
        }
        seen[value / 8] = (char)(seen[value / 8] | 1 << value % 8);
        token_table_add(&t->tokens, text, strlen(text), (int32_t)value);
        t->size = (size_t)value + 1 > t->size ? (size_t)value + 1 : t->size;
    }
    free(seen);
    return status;
}

/* Bytes as the printable characters that stand for them in the vocabulary (GPT-2's bytes_to_unicode). */
static size_t byte_character(unsigned byte, char out[3])
{
    bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    unsigned code = byte;

    if (!printable)
        code = 256 + (byte <= 32 ? byte : byte <= 160 ? byte - 127 + 33 : 67);
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    out[0] = (char)(0xc0 | code >> 6);
    out[1] = (char)(0x80 | (code & 0x3f));
    return 2;
}

static clipseg_status find_bytes(struct reading *r)
{
    struct tokenizer *t = r->tokenizer;

    for (unsigned byte = 0; byte < 256; byte++) {
        char text[8];
        size_t length = byte_character(byte, text);
        t->bytes[byte] = token_table_find(&t->tokens, text, length);
        memcpy(text + length, "</w>", 4);
        t->last_bytes[byte] = token_table_find(&t->tokens, text, length + 4);
        if (t->bytes[byte] < 0 || t->last_bytes[byte] < 0)
            return refuse(r, "the token for byte 0x%02x is missing: no vocabulary of CLIP", byte);
    }
    t->start = token_table_find(&t->tokens, START_TOKEN, strlen(START_TOKEN));
    t->end = token_table_find(&t->tokens, END_TOKEN, strlen(END_TOKEN));
    if (t->start < 0 || t->end < 0)
        return refuse(r, "%s is missing", t->start < 0 ? START_TOKEN : END_TOKEN);
    return CLIPSEG_OK;
}

/* ---- merges */

static clipseg_status add_merge(struct reading *r, const char *left, size_t left_length, const char *right,
                                size_t right_length)
{
    struct tokenizer *t = r->tokenizer;
    char joined[1024];

    if (left_length + right_length > sizeof joined || !left_length || !right_length)
        return refuse(r, "merge %u: want two tokens", r->rank + 1);
    memcpy(joined, left, left_length);
    memcpy(joined + left_length, right, right_length);
    int32_t l = token_table_find(&t->tokens, left, left_length), m;
    int32_t k = token_table_find(&t->tokens, right, right_length);
    m = token_table_find(&t->tokens, joined, left_length + right_length);
    if (l < 0 || k < 0 || m < 0)
        return refuse(r, "merge %u, \"%.*s %.*s\": names a token that the vocabulary lacks", r->rank + 1,
                      (int)(left_length > 60 ? 60 : left_length), left,
                      (int)(right_length > 60 ? 60 : right_length), right);
    pair_table_add(&t->pairs, l, k, r->rank++, m);
    return CLIPSEG_OK;
}

/* "left right" */
static clipseg_status add_merge_line(struct reading *r, const char *line, size_t length)
{
    const char *space = memchr(line, ' ', length);

    if (!space || memchr(space + 1, ' ', length - (size_t)(space + 1 - line)))
        return refuse(r, "merge %u: want two tokens with a space between", r->rank + 1);
    return add_merge(r, line, (size_t)(space - line), space + 1, length - (size_t)(space + 1 - line));
}

static size_t count_lines(const char *text, size_t size)
{
    size_t count = 1;

    for (size_t i = 0; i < size; i++)
        count += text[i] == '\n';
    return count;
}

static clipseg_status read_merge_file(struct reading *r, const char *text, size_t size)
{
    clipseg_status status = CLIPSEG_OK;
    size_t lines = count_lines(text, size);

    if (lines > MOST_MERGES)
        return refuse(r, "%zu lines, more than the %zu that are read", lines, MOST_MERGES);
    if (!pair_table_create(&r->tokenizer->pairs, lines))
        return error_memory(r->error);
    for (size_t i = 0; !status && i < size;) {
        const char *end = memchr(text + i, '\n', size - i);
        size_t length = end ? (size_t)(end - text) - i : size - i, next = i + length + 1;
        if (length && text[i + length - 1] == '\r')
            length--;
        bool version = !i && length >= 8 && !memcmp(text, "#version", 8);
        if (length && !version)
            status = add_merge_line(r, text + i, length);
        i = next;
    }
    return status;
}

static clipseg_status read_merge_list(struct reading *r, const json_t *merges)
{
    clipseg_status status = CLIPSEG_OK;

    if (!json_is_array(merges))
        return refuse(r, "model.merges: want a list");
    if (json_array_size(merges) > MOST_MERGES)
        return refuse(r, "model.merges: more than the %zu that are read", MOST_MERGES);
    if (!pair_table_create(&r->tokenizer->pairs, json_array_size(merges)))
        return error_memory(r->error);
    for (size_t i = 0; !status && i < json_array_size(merges); i++) {
        const json_t *merge = json_array_get(merges, i);
        const char *left = json_string_value(json_array_get(merge, 0));
        const char *right = json_string_value(json_array_get(merge, 1));
        if (json_is_string(merge))
            status = add_merge_line(r, json_string_value(merge), json_string_length(merge));
        else if (left && right && json_array_size(merge) == 2)
            status = add_merge(r, left, strlen(left), right, strlen(right));
        else
            status = refuse(r, "model.merges: entry %zu: want \"left right\" or [\"left\", \"right\"]", i);
    }
    return status;
}

/* ---- the two forms */

static struct reading begin(struct tokenizer **tokenizer, const char *name, const char *file, char *full,
                            size_t size, clipseg_error *error)
{
    snprintf(full, size, "%.900s: %s", name, file);
    *tokenizer = memory_zeroed(1, sizeof **tokenizer);
    return (struct reading){*tokenizer, full, 0, error};
}

static clipseg_status finish(struct tokenizer **tokenizer, clipseg_status status)
{
    if (*tokenizer)
        token_table_free(&(*tokenizer)->tokens); /* its texts lie in the JSON document */
    if (!status)
        return status;
    tokenizer_free(*tokenizer);
    *tokenizer = NULL;
    return status;
}

clipseg_status tokenizer_from_vocabulary(struct tokenizer **tokenizer, const char *name, const void *vocab,
                                         size_t vocab_size, const void *merges, size_t merges_size,
                                         clipseg_error *error)
{
    char full[1024];
    struct reading r = begin(tokenizer, name, "vocab.json", full, sizeof full, error);
    json_t *root = NULL;
    clipseg_status status = *tokenizer ? CLIPSEG_OK : error_memory(error);

    if (!status)
        status = json_parse_limited(&root, vocab, vocab_size, JSON_LARGEST_VOCABULARY, full,
                                    CLIPSEG_ERROR_MODEL, error);
    if (!status)
        status = add_tokens(&r, root);
    if (!status)
        status = find_bytes(&r);
    snprintf(full, sizeof full, "%.900s: merges.txt", name);
    if (!status)
        status = read_merge_file(&r, merges, merges_size);
    status = finish(tokenizer, status);
    json_decref(root);
    return status;
}

clipseg_status tokenizer_from_json(struct tokenizer **tokenizer, const char *name, const void *data,
                                   size_t size, clipseg_error *error)
{
    char full[1024];
    struct reading r = begin(tokenizer, name, "tokenizer.json", full, sizeof full, error);
    json_t *root = NULL;
    clipseg_status status = *tokenizer ? CLIPSEG_OK : error_memory(error);

    if (!status)
        status =
            json_parse_limited(&root, data, size, JSON_LARGEST_VOCABULARY, full, CLIPSEG_ERROR_MODEL, error);
    const json_t *model = json_object_get(root, "model");
    if (!status)
        status = add_tokens(&r, json_object_get(model, "vocab"));
    if (!status)
        status = find_bytes(&r);
    if (!status)
        status = read_merge_list(&r, json_object_get(model, "merges"));
    status = finish(tokenizer, status);
    json_decref(root);
    return status;
}
