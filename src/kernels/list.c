/* list.c: the kernels of one kind side by side, whatever of them a table holds. */
#include "kernels/avx2/avx2.h"
#include "kernels/avx512/avx512.h"
#include "kernels/kernels.h"
#include "kernels/neon/neon.h"
#include "kernels/scalar/scalar.h"

static size_t take(struct gemm_integers_entry list[GEMM_INTEGERS_MOST], const struct gemm_integers_entry *all,
                   size_t count)
{
    for (size_t i = 0; i < count; i++)
        list[i] = all[i];
    return count;
}

size_t gemm_int8_list(struct gemm_integers_entry list[GEMM_INTEGERS_MOST])
{
    const struct gemm_integers_entry all[] = {
        {"scalar", scalar_gemm_int8, true},
#if defined(__x86_64__)
        {"avx2", avx2_gemm_int8, kernels_available("avx2")},
        {"avx512-vnni", avx512_gemm_int8, kernels_feature(KERNELS_VNNI)},
#endif
#if defined(__aarch64__)
        {"neon", neon_gemm_int8, true},
#endif
#if defined(NEON_EXTENSIONS)
        {"neon-dotprod", neon_gemm_int8_dotprod, kernels_feature(KERNELS_DOTPROD)},
        {"neon-i8mm", neon_gemm_int8_i8mm, kernels_feature(KERNELS_I8MM)},
#endif
    };

    return take(list, all, sizeof all / sizeof *all);
}

size_t gemm_int16_list(struct gemm_integers_entry list[GEMM_INTEGERS_MOST])
{
    const struct gemm_integers_entry all[] = {
        {"scalar", scalar_gemm_int16, true},
#if defined(__x86_64__)
        {"avx2", avx2_gemm_int16, kernels_available("avx2")},
        {"avx512-vnni", avx512_gemm_int16, kernels_feature(KERNELS_VNNI)},
#endif
#if defined(__aarch64__)
        {"neon", neon_gemm_int16, true},
#endif
    };

    return take(list, all, sizeof all / sizeof *all);
}
