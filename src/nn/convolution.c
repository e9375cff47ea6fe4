/* convolution.c: the decoder's two kinds of convolution as matrix products. */
#include <string.h>

#include "nn/nn.h"

/* ---- 3x3 */

struct gather {
    size_t height, width, channels, map_stride, stride;
    const float *map;
    float *columns;
};

/* The nine neighbours of every pixel of one row, side by side; zeros outside. */
static void gather_row(void *context, size_t y, size_t worker)
{
    const struct gather *g = context;
    size_t bytes = g->channels * sizeof(float);

    (void)worker;
    for (size_t x = 0; x < g->width; x++) {
        float *out = g->columns + (y * g->width + x) * g->stride;
        for (size_t i = 0; i < 9; i++, out += g->channels) {
            size_t from_y = y + i / 3 - 1,
                   from_x = x + i % 3 - 1; /* wraps below 0, which is also too large */
            if (from_y < g->height && from_x < g->width)
                memcpy(out, g->map + (from_y * g->width + from_x) * g->map_stride, bytes);
            else
                memset(out, 0, bytes);
        }
    }
}

void convolution_3x3(const struct compute *compute, const struct linear *weight, size_t height, size_t width,
                     size_t channels, const float *map, size_t map_stride, float *columns,
                     enum gemm_activation activation, float *out, size_t out_stride)
{
    struct gather gather = {height, width, channels, map_stride, matrix_stride(9 * channels), map, columns};

    pool_run(compute->pool, height, gather_row, &gather);
    linear_apply(compute, weight, height * width, columns, gather.stride, activation, NULL, out, out_stride);
}

/* ---- transposed */

struct shuffle {
    size_t width, kernel, channels, stride, out_stride;
    const float *products;
    float *out;
};

/* One row of input pixels becomes `kernel` rows of output pixels. */
static void shuffle_row(void *context, size_t y, size_t worker)
{
    const struct shuffle *s = context;
    size_t span = s->kernel * s->channels;

    (void)worker;
    for (size_t x = 0; x < s->width; x++) {
        const float *from = s->products + (y * s->width + x) * s->stride;
        for (size_t ky = 0; ky < s->kernel; ky++, from += span) {
            float *to = s->out + ((y * s->kernel + ky) * s->width + x) * s->kernel * s->out_stride;
            if (s->out_stride == s->channels) {
                memcpy(to, from, span * sizeof(float));
                continue;
            }
            for (size_t kx = 0; kx < s->kernel; kx++)
                memcpy(to + kx * s->out_stride, from + kx * s->channels, s->channels * sizeof(float));
        }
    }
}

void convolution_transposed(const struct compute *compute, const struct linear *weight, size_t height,
                            size_t width, size_t kernel, size_t channels, const float *map, size_t map_stride,
                            float *products, enum gemm_activation activation, float *out, size_t out_stride)
{
    struct shuffle shuffle = {width, kernel, channels, matrix_stride(weight->out), out_stride, products, out};

    linear_apply(compute, weight, height * width, map, map_stride, activation, NULL, products,
                 shuffle.stride);
    pool_run(compute->pool, height, shuffle_row, &shuffle);
}
