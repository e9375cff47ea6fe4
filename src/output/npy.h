/* npy.h: the header of a numpy array. */
#ifndef OUTPUT_NPY_H
#define OUTPUT_NPY_H

#include "base/buffer.h"

/* type: numpy's, for example "<f4". The data follows in C order. */
void npy_header(struct buffer *out, const char *type, const size_t *shape, size_t rank);

#endif
