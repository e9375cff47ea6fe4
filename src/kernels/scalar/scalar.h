/* scalar.h: the kernels that every machine runs; the other tiers are compared with them. Contracts:
 * kernels.h. */
#ifndef KERNELS_SCALAR_SCALAR_H
#define KERNELS_SCALAR_SCALAR_H

#include "kernels/kernels.h"

gemm_kernel scalar_gemm;
gemm_integers_kernel scalar_gemm_int8;
gemm_integers_kernel scalar_gemm_int16;
quantize_rows_kernel scalar_quantize_rows;
quantize_words_kernel scalar_quantize_words;
layer_norm_kernel scalar_layer_norm;
softmax_kernel scalar_softmax;
pack_rows_kernel scalar_pack_rows;
pack_columns_kernel scalar_pack_columns;
expand_half_kernel scalar_expand_half;
enlarge_row_kernel scalar_enlarge_row;
normalize_row_kernel scalar_normalize_row;
dot_bytes_kernel scalar_dot_bytes;
peak_kernel scalar_peak;

float scalar_activate(float x, enum gemm_activation activation);

/* A sum of products of integers to the result. */
void scalar_finish(const struct gemm_integers *g, size_t row, size_t column, float sum);

#endif
