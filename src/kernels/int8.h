/* int8.h: weights to signed bytes, bounded so that the products of AVX2 cannot overflow. No instruction sets:
 * it runs once, when a file is converted. */
#ifndef KERNELS_INT8_H
#define KERNELS_INT8_H

#include "kernels/kernels.h"

/* Bytes of a packed matrix [out, in]: ceil(out / PANEL) panels of [round_up(in, INTEGER_STEP) / 4][PANEL][4].
 */
size_t int8_packed_size(size_t out, size_t in);

/* Quantise and pack a matrix w: [out, in], row stride `stride`. packed: int8_packed_size bytes; scratch:
 * round_up(in, INTEGER_STEP) bytes; scale, sum: [out]. Weights must be finite. A feature's scale is the best
 * of some candidates; at any of them no four products that share a 16-bit sum can leave its range, whatever
 * the activations. */
void int8_pack(size_t out, size_t in, const float *w, size_t stride, int8_t *packed, int8_t *scratch,
               float *scale, int32_t *sum);

#endif
