/* init.c: overwrites the table with the kernels for 64-bit ARM. */
#include "kernels/neon/neon.h"

#if defined(__aarch64__)

void kernels_init_neon(struct kernels *kernels)
{
    kernels->name = "neon";
    kernels->gemm_rows = 8;
    kernels->gemm_columns = PANEL;
    kernels->gemm = neon_gemm;
    kernels->gemm_int8 = neon_gemm_int8;
#if defined(NEON_EXTENSIONS)
    if (kernels_feature(KERNELS_DOTPROD))
        kernels->gemm_int8 = neon_gemm_int8_dotprod;
    if (kernels_feature(KERNELS_I8MM))
        kernels->gemm_int8 = neon_gemm_int8_i8mm;
#endif
    kernels->gemm_int16 = neon_gemm_int16;
    kernels->quantize_rows = neon_quantize_rows;
    kernels->quantize_words = neon_quantize_words;
    kernels->layer_norm = neon_layer_norm;
    kernels->softmax = neon_softmax;
    kernels->pack_rows = neon_pack_rows;
    kernels->expand_half = neon_expand_half;
    kernels->enlarge_row = neon_enlarge_row;
    kernels->normalize_row = neon_normalize_row;
    kernels->dot_bytes = neon_dot_bytes;
    kernels->peak = neon_peak;
}

#endif
