/* tokenizer.c: from text to ids: start token, the pieces' ids, end token (CLIPTokenizer). */
#include "text/tokenizer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "text/pieces.h"
#include "text/vocabulary.h"

struct encoding {
    const struct tokenizer *tokenizer;
    int32_t *ids;
    size_t capacity, count;
    clipseg_error *error;
};

static void put(struct encoding *e, int32_t id)
{
    if (e->count < e->capacity)
        e->ids[e->count] = id;
    e->count++;
}

/* text: a piece as bytes of the text, lower case; it becomes tokens by merging. */
static clipseg_status put_piece(void *context, const char *text, size_t length)
{
    struct encoding *e = context;
    int32_t *ids = malloc(length * sizeof *ids); /* one per byte at most */

    if (!ids)
        return error_memory(e->error);
    size_t count = vocabulary_merge(e->tokenizer, text, length, ids);
    for (size_t i = 0; i < count; i++)
        put(e, ids[i]);
    free(ids);
    return count ? CLIPSEG_OK : error_memory(e->error);
}

/* The special tokens are cut out of the raw text, in exact case, before anything else happens to it. */
static const char *find_special(const struct tokenizer *t, const char *text, size_t length, int32_t *id,
                                size_t *size)
{
    const char *start = memmem(text, length, START_TOKEN, strlen(START_TOKEN));
    const char *end = memmem(text, length, END_TOKEN, strlen(END_TOKEN));
    bool first = start && (!end || start < end);

    *id = first ? vocabulary_start(t) : vocabulary_end(t);
    *size = strlen(first ? START_TOKEN : END_TOKEN);
    return first ? start : end;
}

clipseg_status tokenizer_encode(const struct tokenizer *tokenizer, const char *text, size_t length,
                                int32_t *ids, size_t capacity, size_t *count, clipseg_error *error)
{
    struct encoding e = {tokenizer, ids, ids ? capacity : 0, 0, error};
    clipseg_status status = CLIPSEG_OK;

    put(&e, vocabulary_start(tokenizer));
    for (size_t rest = length; !status;) {
        size_t size;
        int32_t id;
        const char *special = find_special(tokenizer, text, rest, &id, &size);
        size_t before = special ? (size_t)(special - text) : rest;

        status = pieces_split(text, before, put_piece, &e, error);
        if (!special)
            break;
        put(&e, id);
        text += before + size;
        rest -= before + size;
    }
    put(&e, vocabulary_end(tokenizer));
    *count = e.count;
    return status;
}
