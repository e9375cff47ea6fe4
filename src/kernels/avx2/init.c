/* init.c: overwrites the table with the AVX2 kernels. */
#include "kernels/avx2/avx2.h"

#if defined(__x86_64__)

void kernels_init_avx2(struct kernels *kernels)
{
    kernels->name = "avx2";
    kernels->gemm_rows = 6;
    kernels->gemm_columns = PANEL;
    kernels->gemm = avx2_gemm;
    kernels->gemm_int8 = avx2_gemm_int8;
    kernels->gemm_int16 = avx2_gemm_int16;
    kernels->quantize_rows = avx2_quantize_rows;
    kernels->quantize_words = avx2_quantize_words;
    kernels->layer_norm = avx2_layer_norm;
    kernels->softmax = avx2_softmax;
    kernels->pack_rows = avx2_pack_rows;
    kernels->expand_half = avx2_expand_half;
    kernels->enlarge_row = avx2_enlarge_row;
    kernels->normalize_row = avx2_normalize_row;
    kernels->dot_bytes = avx2_dot_bytes;
    kernels->peak = avx2_peak;
}

#endif
