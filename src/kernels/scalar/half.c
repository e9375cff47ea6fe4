/* half.c: numbers of half precision to float. */
#include "base/half.h"
#include "kernels/scalar/scalar.h"

void scalar_expand_half(size_t count, const uint16_t *x, float *out)
{
    floats_from_halves(x, count, out);
}
