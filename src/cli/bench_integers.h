/* bench_integers.h: the products of bytes and of words that this machine runs, timed beside each other. */
#ifndef CLI_BENCH_INTEGERS_H
#define CLI_BENCH_INTEGERS_H

#include <stddef.h>

#include "clipseg.h"

/* Print a line for every kernel (but the references, which are no measure of anything) on a product
 * [rows, k] * [k, n], one thread. name: of the shape; peak: multiplications and additions of floats a second,
 * to compare with. Errors: MEMORY. */
clipseg_status bench_integers(const char *name, size_t rows, size_t n, size_t k, double peak,
                              clipseg_error *error);

#endif
