/* init.c: overwrites the table with the AVX-512 kernels. */
#include "kernels/avx512/avx512.h"

#if defined(__x86_64__)

void kernels_init_avx512(struct kernels *kernels)
{
    kernels->name = "avx512";
    kernels->gemm_rows = 12;
    kernels->gemm_columns = 2 * PANEL;
    kernels->gemm = avx512_gemm;
    kernels->softmax = avx512_softmax;
    kernels->peak = avx512_peak;
    if (kernels_feature(KERNELS_VNNI)) {
        kernels->gemm_int8 = avx512_gemm_int8;
        kernels->gemm_int16 = avx512_gemm_int16;
        kernels->dot_bytes = avx512_dot_bytes;
    }
}

#endif
