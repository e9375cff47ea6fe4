/* tokenizer.h: CLIP's byte-pair encoding, equal to Hugging Face's CLIPTokenizer. */
#ifndef TEXT_TOKENIZER_H
#define TEXT_TOKENIZER_H

#include <stdbool.h>

#include "clipseg.h"

struct tokenizer; /* immutable once made; shared by any number of threads */

/* From the contents of vocab.json and merges.txt. name: the directory, for messages. Errors: MODEL, MEMORY.
 */
clipseg_status tokenizer_from_vocabulary(struct tokenizer **tokenizer, const char *name, const void *vocab,
                                         size_t vocab_size, const void *merges, size_t merges_size,
                                         clipseg_error *error);

/* From the contents of tokenizer.json (merges as strings or pairs). Errors: MODEL, MEMORY. */
clipseg_status tokenizer_from_json(struct tokenizer **tokenizer, const char *name, const void *data,
                                   size_t size, clipseg_error *error);

/* ---- the tables as a packed file stores them, see docs/packed-files.md */

#define TOKENIZER_SPECIAL 3 /* start token, end token, number of ids */
#define TOKENIZER_BYTES 512 /* ids of single bytes inside a word, then at its end */

struct tokenizer_tables {
    int32_t special[TOKENIZER_SPECIAL], bytes[TOKENIZER_BYTES];
    int32_t *merges; /* [merge_count, 3]: left, right, merged, in order of rank; free() it */
    size_t merge_count;
};

/* false: memory is out. */
bool tokenizer_export(const struct tokenizer *tokenizer, struct tokenizer_tables *tables);

/* From the same as little-endian bytes. Errors: MODEL, MEMORY. */
clipseg_status tokenizer_from_tables(struct tokenizer **tokenizer, const char *name,
                                     const clipseg_file *special, const clipseg_file *bytes,
                                     const clipseg_file *merges, clipseg_error *error);

void tokenizer_free(struct tokenizer *tokenizer);

/* The number of ids: one more than the largest. */
size_t tokenizer_size(const struct tokenizer *tokenizer);

/* Ids of a text with start and end token, uncut. ids: [capacity] or NULL; count: the number of all ids, even
 * when more than capacity. A word of any length takes O(n log n). Errors: USAGE (invalid UTF-8), MEMORY. */
clipseg_status tokenizer_encode(const struct tokenizer *tokenizer, const char *text, size_t length,
                                int32_t *ids, size_t capacity, size_t *count, clipseg_error *error);

#endif
