/* half.c: numbers of half precision to float for 64-bit ARM, whose base instructions convert them. */
#include "base/half.h"
#include "kernels/neon/neon.h"

#if defined(__aarch64__)

void neon_expand_half(size_t count, const uint16_t *x, float *out)
{
    size_t i = 0;

    for (; i + 4 <= count; i += 4)
        vst1q_f32(out + i, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(x + i))));
    floats_from_halves(x + i, count - i, out + i);
}

#endif
