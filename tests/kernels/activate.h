/* activate.h: the activations of kernels.h in double precision. */
#ifndef TESTS_KERNELS_ACTIVATE_H
#define TESTS_KERNELS_ACTIVATE_H

#include <math.h>

#include "kernels/kernels.h"

static inline double activate(double x, enum gemm_activation activation)
{
    switch (activation) {
    case GEMM_RELU:
        return x < 0.0 ? 0.0 : x;
    case GEMM_QUICK_GELU:
        return x / (1.0 + exp(-1.702 * x));
    case GEMM_GELU:
        return 0.5 * x * (1.0 + erf(x * 0.70710678118654752));
    default:
        return x;
    }
}

#endif
