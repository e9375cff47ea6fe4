/* cpu.c: which tiers this machine runs, and the table for the best of them. */
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

#include "kernels/kernels.h"

/* Ascending; a cap allows itself and everything before it that belongs to this architecture. */
static const char *const tier_names[] = {"scalar", "avx2", "avx512", "neon"};
#define TIER_COUNT (sizeof tier_names / sizeof *tier_names)

#if defined(__x86_64__)
/* Not among the names that every compiler's __builtin_cpu_supports knows. */
static bool has_f16c(void)
{
    unsigned a, b, c = 0, d;

    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}
#endif

/* __builtin_cpu_supports looks at CPUID and at XCR0, so the operating system's support is included. */
static bool tier_runs(enum kernels_tier tier)
{
    switch (tier) {
    case KERNELS_SCALAR:
        return true;
#if defined(__x86_64__)
    case KERNELS_AVX2:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
    case KERNELS_AVX512:
        return tier_runs(KERNELS_AVX2) && __builtin_cpu_supports("avx512f") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl");
#endif
#if defined(__aarch64__)
    case KERNELS_NEON: /* part of every 64-bit ARM */
        return true;
#endif
    default:
        return false;
    }
}

#if defined(__aarch64__)
/* Bits of the kernel's answers AT_HWCAP and AT_HWCAP2, which older headers do not name. */
#define HAS_DOTPROD (1ul << 20)
#define HAS_I8MM (1ul << 13)

static bool arm_has(enum kernels_feature feature)
{
#if defined(__linux__)
    return feature == KERNELS_DOTPROD ? (getauxval(AT_HWCAP) & HAS_DOTPROD) != 0
                                      : (getauxval(AT_HWCAP2) & HAS_I8MM) != 0;
#else /* what the compiler was told */
#if defined(__ARM_FEATURE_MATMUL_INT8)
    return true;
#elif defined(__ARM_FEATURE_DOTPROD)
    return feature == KERNELS_DOTPROD;
#else
    return false;
#endif
#endif
}
#endif

bool kernels_feature(enum kernels_feature feature)
{
#if defined(__x86_64__)
    return feature == KERNELS_VNNI && tier_runs(KERNELS_AVX512) && __builtin_cpu_supports("avx512vnni");
#elif defined(__aarch64__)
    return feature != KERNELS_VNNI && arm_has(feature);
#else
    (void)feature;
    return false;
#endif
}

static int tier_by_name(const char *name)
{
    for (size_t i = 0; i < TIER_COUNT; i++)
        if (!strcmp(tier_names[i], name))
            return (int)i;
    return -1;
}

bool kernels_available(const char *name)
{
    int tier = tier_by_name(name);
    return tier >= 0 && tier_runs((enum kernels_tier)tier);
}

bool kernels_init(struct kernels *kernels, const char *cap)
{
    int highest = cap ? tier_by_name(cap) : KERNELS_NEON;
    if (highest < 0)
        return false;
#if defined(__x86_64__)
    if (cap && highest == KERNELS_NEON)
        return false;
#else
    if (cap && (highest == KERNELS_AVX2 || highest == KERNELS_AVX512))
        return false;
#endif
    kernels_init_scalar(kernels);
#if defined(__x86_64__)
    if (highest >= KERNELS_AVX2 && tier_runs(KERNELS_AVX2))
        kernels_init_avx2(kernels);
    if (highest >= KERNELS_AVX512 && tier_runs(KERNELS_AVX512))
        kernels_init_avx512(kernels);
#endif
#if defined(__aarch64__)
    if (highest >= KERNELS_NEON && tier_runs(KERNELS_NEON))
        kernels_init_neon(kernels);
#endif
    return true;
}
