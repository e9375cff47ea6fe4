/* vector.h: arithmetic of embeddings. */
#ifndef INDEX_VECTOR_H
#define INDEX_VECTOR_H

#include <math.h>
#include <stddef.h>

/* Scale to length 1; a vector of zeros stays. */
static inline void vector_normalize(float *x, size_t size)
{
    double square = 0.0;

    for (size_t i = 0; i < size; i++)
        square += (double)x[i] * (double)x[i];
    float factor = square > 0.0 ? (float)(1.0 / sqrt(square)) : 0.0f;
    for (size_t i = 0; i < size; i++)
        x[i] *= factor;
}

static inline double vector_product(const float *x, const float *y, size_t size)
{
    double sum = 0.0;

    for (size_t i = 0; i < size; i++)
        sum += (double)x[i] * (double)y[i];
    return sum;
}

#endif
