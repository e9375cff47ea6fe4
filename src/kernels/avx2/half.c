/* half.c: numbers of half precision to float for AVX2 with F16C. */
#include "base/half.h"
#include "kernels/avx2/avx2.h"

#if defined(__x86_64__)

AVX2 void avx2_expand_half(size_t count, const uint16_t *x, float *out)
{
    size_t i = 0;

    for (; i + 8 <= count; i += 8)
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(x + i))));
    floats_from_halves(x + i, count - i, out + i);
}

#endif
