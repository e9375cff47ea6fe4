/* int16.h: weights to signed words of 13 bits, bounded so that sums of products cannot overflow. No
 * instruction sets: it runs once, when a file is converted. */
#ifndef KERNELS_INT16_H
#define KERNELS_INT16_H

#include "kernels/kernels.h"

/* Words of a packed matrix [out, in]: ceil(out / PANEL) panels of [round_up(in, INTEGER_STEP) / 2][PANEL][2].
 */
size_t int16_packed_size(size_t out, size_t in);

/* Quantise and pack a matrix w: [out, in], row stride `stride`. packed: int16_packed_size words; scale:
 * [out]. Weights must be finite. */
void int16_pack(size_t out, size_t in, const float *w, size_t stride, int16_t *packed, float *scale);

/* What to multiply a row by whose largest magnitude this is (finite); 0: it becomes zeros. */
static inline float int16_inverse(float largest)
{
    float inverse = largest > 0.0f ? WORDS_MOST_ACTIVATION / largest : 0.0f;

    return inverse <= 3e38f ? inverse : 0.0f;
}

#endif
