/* bytes.h: a packed matrix of float32 as one of bytes, for a file. */
#ifndef MODEL_BYTES_H
#define MODEL_BYTES_H

#include <stdio.h>

#include "model/pack.h"

/* Write a matrix of panels as bytes (kernels/int8.h), their scales and their sums, each padded as GGUF wants
 * it. Errors of the stream are found by its owner. false: memory ran out. */
bool bytes_write(const struct piece *piece, struct pool *pool, FILE *stream);

#endif
