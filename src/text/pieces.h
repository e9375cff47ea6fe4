/* pieces.h: a text as the pieces that are encoded one by one: normalisation and splitting. */
#ifndef TEXT_PIECES_H
#define TEXT_PIECES_H

#include "clipseg.h"

typedef clipseg_status pieces_callback(void *context, const char *piece, size_t length);

/* NFC, white space to single spaces, lower case; then the pieces of CLIP's expression, each split again by
 * GPT-2's (the byte-level pre-tokenizer). Errors: USAGE (invalid UTF-8), MEMORY, or the callback's. */
clipseg_status pieces_split(const char *text, size_t length, pieces_callback *callback, void *context,
                            clipseg_error *error);

#endif
