/* position.h: position embeddings for input sizes that the checkpoint was not trained at. */
#ifndef MODEL_POSITION_H
#define MODEL_POSITION_H

#include <stddef.h>

/* The table [1 + from * from, hidden] (class token first) for a grid of to * to patches, as torch's
 * interpolate(mode="bicubic", align_corners=False) does it: cubic convolution with a = -0.75, borders
 * repeated. out: [1 + to * to, hidden] with row stride out_stride. */
void position_interpolate(const float *table, size_t from, size_t to, size_t hidden, float *out,
                          size_t out_stride);

#endif
