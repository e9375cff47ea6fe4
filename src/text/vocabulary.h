/* vocabulary.h: tokens, their ids, and the merges between them. */
#ifndef TEXT_VOCABULARY_H
#define TEXT_VOCABULARY_H

#include "text/tokenizer.h"

#define START_TOKEN "<|startoftext|>"
#define END_TOKEN "<|endoftext|>"

int32_t vocabulary_start(const struct tokenizer *tokenizer);
int32_t vocabulary_end(const struct tokenizer *tokenizer);

/* Byte-pair encoding of one piece: ids[0..length). Returns how many; 0 when memory is out. */
size_t vocabulary_merge(const struct tokenizer *tokenizer, const char *piece, size_t length, int32_t *ids);

#endif
