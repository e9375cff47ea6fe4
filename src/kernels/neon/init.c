/* init.c: overwrites the table with the kernels for 64-bit ARM. */
#include "kernels/neon/neon.h"

#if defined(__aarch64__)

void kernels_init_neon(struct kernels *kernels)
{
    kernels->name = "neon";
    kernels->gemm_rows = 8;
    kernels->gemm_columns = PANEL;
    kernels->gemm = neon_gemm;
    kernels->layer_norm = neon_layer_norm;
    kernels->softmax = neon_softmax;
    kernels->pack_rows = neon_pack_rows;
    kernels->enlarge_row = neon_enlarge_row;
    kernels->normalize_row = neon_normalize_row;
    kernels->dot_bytes = neon_dot_bytes;
    kernels->peak = neon_peak;
}

#endif
