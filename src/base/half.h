/* half.h: IEEE half precision, as bits. */
#ifndef BASE_HALF_H
#define BASE_HALF_H

#include <stddef.h>
#include <stdint.h>

/* To the nearest, ties to even, infinity when too large. */
float float_from_half(uint16_t half);
uint16_t half_from_float(float value);

/* halves: count of them, aligned to nothing. */
void floats_from_halves(const void *halves, size_t count, float *out);

#endif
