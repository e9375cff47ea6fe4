/* init.c: fills the table with the scalar kernels. */
#include "kernels/scalar/scalar.h"

void kernels_init_scalar(struct kernels *kernels)
{
    *kernels = (struct kernels){
        .name = "scalar",
        .gemm_rows = 1,
        .gemm_columns = PANEL,
        .gemm = scalar_gemm,
        .gemm_int8 = scalar_gemm_int8,
        .gemm_int16 = scalar_gemm_int16,
        .quantize_rows = scalar_quantize_rows,
        .quantize_words = scalar_quantize_words,
        .layer_norm = scalar_layer_norm,
        .softmax = scalar_softmax,
        .pack_rows = scalar_pack_rows,
        .pack_columns = scalar_pack_columns,
        .expand_half = scalar_expand_half,
        .enlarge_row = scalar_enlarge_row,
        .normalize_row = scalar_normalize_row,
        .dot_bytes = scalar_dot_bytes,
        .peak = scalar_peak,
    };
}
