/* position.c: bicubic interpolation of the grid of position embeddings (CLIPSegVisionEmbeddings). */
#include "model/position.h"

#include <math.h>
#include <string.h>

#define A (-0.75)

/* The four source cells and their weights for output cell i. */
struct taps {
    size_t cell[4];
    float weight[4];
};

static double near(double x) /* |x| <= 1 */
{
    return ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
}

static double far(double x) /* 1 < |x| < 2 */
{
    return ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A;
}

static struct taps find_taps(size_t i, size_t from, size_t to)
{
    double position = ((double)i + 0.5) * ((double)from / (double)to) - 0.5;
    double start = floor(position), t = position - start;
    struct taps taps = {
        .weight = {(float)far(t + 1.0), (float)near(t), (float)near(1.0 - t), (float)far(2.0 - t)}};

    for (int k = 0; k < 4; k++) {
        double cell = start - 1.0 + k;
        cell = cell < 0.0 ? 0.0 : cell;
        taps.cell[k] = cell > (double)(from - 1) ? from - 1 : (size_t)cell;
    }
    return taps;
}

void position_interpolate(const float *table, size_t from, size_t to, size_t hidden, float *out,
                          size_t out_stride)
{
    const float *grid = table + hidden;

    memcpy(out, table, hidden * sizeof *out);
    for (size_t y = 0; y < to; y++) {
        struct taps down = find_taps(y, from, to);
        for (size_t x = 0; x < to; x++) {
            struct taps across = find_taps(x, from, to);
            float *cell = out + (1 + y * to + x) * out_stride;
            if (from == to) {
                memcpy(cell, grid + (y * to + x) * hidden, hidden * sizeof *cell);
                continue;
            }
            memset(cell, 0, hidden * sizeof *cell);
            for (size_t j = 0; j < 4; j++)
                for (size_t i = 0; i < 4; i++) {
                    const float *source = grid + (down.cell[j] * from + across.cell[i]) * hidden;
                    float weight = down.weight[j] * across.weight[i];
                    for (size_t c = 0; c < hidden; c++)
                        cell[c] += weight * source[c];
                }
        }
    }
}
