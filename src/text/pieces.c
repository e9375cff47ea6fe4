/* pieces.c: Unicode normalisation and the two splitting expressions of CLIP's tokenizer, in one pass each. */
#include "text/pieces.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/error.h"
#include "base/memory.h"

enum kind { KIND_SPACE, KIND_LETTER, KIND_NUMBER, KIND_OTHER };

static enum kind kind_of(utf8proc_int32_t c)
{
    if ((c >= 9 && c <= 13) || c == 32 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
        (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
        c == 0x3000)
        return KIND_SPACE;
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
        return KIND_LETTER;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return KIND_NUMBER;
    default:
        return KIND_OTHER;
    }
}

/* The text in lower case with one space for every run of white space. */
struct normal {
    utf8proc_int32_t *codes; /* [count] */
    size_t count;
    char *bytes; /* scratch for one piece */
};

static void lower(struct normal *n, utf8proc_int32_t code)
{
    if (code == 0x130) { /* the one letter whose lower case is two code points */
        n->codes[n->count++] = 'i';
        n->codes[n->count++] = 0x307;
        return;
    }
    if (kind_of(code) != KIND_SPACE)
        n->codes[n->count++] = utf8proc_tolower(code);
    else if (!n->count || n->codes[n->count - 1] != ' ')
        n->codes[n->count++] = ' ';
}

static clipseg_status normalize(struct normal *n, const char *text, size_t length, clipseg_error *error)
{
    utf8proc_uint8_t *composed = NULL;
    utf8proc_ssize_t size = utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)length, &composed,
                                         UTF8PROC_STABLE | UTF8PROC_COMPOSE);

    if (size == UTF8PROC_ERROR_NOMEM)
        return error_memory(error);
    if (size < 0)
        return error_set(error, CLIPSEG_ERROR_USAGE, "the text is not valid UTF-8");
    n->codes = memory_zeroed((size_t)size * 2 + 1, sizeof *n->codes);
    n->bytes = memory_zeroed((size_t)size * 3 + 4, 1);
    for (utf8proc_ssize_t i = 0; n->codes && n->bytes && i < size;) {
        utf8proc_int32_t code;
        i += utf8proc_iterate(composed + i, size - i, &code);
        lower(n, code);
    }
    free(composed);
    return n->codes && n->bytes ? CLIPSEG_OK : error_memory(error);
}

static bool begins(const struct normal *n, size_t i, const char *word)
{
    for (; *word; word++, i++)
        if (i >= n->count || n->codes[i] != *word)
            return false;
    return true;
}

/* How many code points the piece at `i` has. */
static size_t piece_length(const struct normal *n, size_t i, bool with_specials)
{
    static const char *const specials[] = {"<|startoftext|>", "<|endoftext|>"};
    static const char *const contractions[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    enum kind kind = kind_of(n->codes[i]);
    size_t end = i + 1;

    for (size_t k = 0; with_specials && k < sizeof specials / sizeof *specials; k++)
        if (begins(n, i, specials[k]))
            return strlen(specials[k]);
    for (size_t k = 0; k < sizeof contractions / sizeof *contractions; k++)
        if (begins(n, i, contractions[k]))
            return strlen(contractions[k]);
    if (kind == KIND_LETTER || kind == KIND_OTHER)
        while (end < n->count && kind_of(n->codes[end]) == kind)
            end++;
    return end - i;
}

static clipseg_status emit(struct normal *n, size_t i, size_t count, pieces_callback *callback, void *context)
{
    size_t size = 0;

    for (size_t k = 0; k < count; k++)
        size += (size_t)utf8proc_encode_char(n->codes[i + k], (utf8proc_uint8_t *)n->bytes + size);
    return callback(context, n->bytes, size);
}

/* A piece of CLIP's expression, split again by GPT-2's: only a special token in it has more than one part. */
static clipseg_status emit_parts(struct normal *n, size_t i, size_t count, pieces_callback *callback,
                                 void *context)
{
    clipseg_status status = CLIPSEG_OK;

    for (size_t end = i + count; !status && i < end;) {
        size_t part = piece_length(n, i, false);
        part = part > end - i ? end - i : part;
        status = emit(n, i, part, callback, context);
        i += part;
    }
    return status;
}

clipseg_status pieces_split(const char *text, size_t length, pieces_callback *callback, void *context,
                            clipseg_error *error)
{
    struct normal n = {0};
    clipseg_status status;

    if (!length)
        return CLIPSEG_OK;
    status = normalize(&n, text, length, error);
    for (size_t i = 0; !status && i < n.count;) {
        if (kind_of(n.codes[i]) == KIND_SPACE) {
            i++;
            continue;
        }
        size_t count = piece_length(&n, i, true);
        status = emit_parts(&n, i, count, callback, context);
        i += count;
    }
    free(n.codes);
    free(n.bytes);
    return status;
}
