/* integers.h: a packed matrix of float32 as one of bytes or words, for a file. */
#ifndef MODEL_INTEGERS_H
#define MODEL_INTEGERS_H

#include <stdio.h>

#include "model/pack.h"

/* Write a matrix of panels as bytes (kernels/int8.h), their scales and their sums, or as words
 * (kernels/int16.h) and their scales, as its type says; each padded as GGUF wants it. Errors of the stream
 * are found by its owner. false: memory ran out. */
bool integers_write(const struct piece *piece, struct pool *pool, FILE *stream);

#endif
