/* grid_grow.c: dilation of a map of logits by an ellipse: the picture's disc, squeezed as the picture was.
 *
 * The map stands for the surface that bilinear enlargement draws through it. Within a cell such a surface has
 * no peak, so the largest value under an ellipse lies on a grid point inside or on the rim: the rows of grid
 * points by a running maximum, the rim by samples of the surface. So a radius of a fraction of a cell (a few
 * pixels of a large photograph) still moves edges by as much. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "segment/expression.h"

/* out[x] = max(out[x], largest of row[x - reach .. x + reach]); by van Herk: maxima from the left and from
 * the right within blocks of the window's length. scratch: [2 * (side + 2 * reach)] */
static void spread_row(const float *row, size_t side, size_t reach, float *scratch, float *out)
{
    size_t window = 2 * reach + 1, length = side + 2 * reach;
    float *forward = scratch, *backward = scratch + length;

    for (size_t i = 0; i < length; i++) {
        float value = i < reach || i >= reach + side ? -INFINITY : row[i - reach];
        forward[i] = i % window == 0 ? value : fmaxf(forward[i - 1], value);
        backward[i] = value;
    }
    for (size_t i = length - 1; i-- > 0;)
        if ((i + 1) % window)
            backward[i] = fmaxf(backward[i], backward[i + 1]);
    for (size_t x = 0; x < side; x++)
        out[x] = fmaxf(out[x], fmaxf(backward[x], forward[x + window - 1]));
}

static void spread_points(const float *from, float *to, size_t side, double radius_x, double radius_y,
                          float *scratch)
{
    size_t most = size_min((size_t)radius_y, side - 1);

    for (size_t dy = 0; dy <= most; dy++) {
        double part = radius_y > 0.0 ? (double)dy / radius_y : 0.0;
        size_t reach = size_min((size_t)(radius_x * sqrt(fmax(0.0, 1.0 - part * part))), side - 1);
        for (size_t y = 0; y < side; y++) {
            if (y >= dy)
                spread_row(from + (y - dy) * side, side, reach, scratch, to + y * side);
            if (dy && y + dy < side)
                spread_row(from + (y + dy) * side, side, reach, scratch, to + y * side);
        }
    }
}

static size_t clamp_cell(double position, size_t side, float *fraction)
{
    double inside = fmin(fmax(position, 0.0), (double)(side - 1));
    size_t cell = size_min((size_t)inside, side - 2);

    *fraction = (float)(inside - (double)cell);
    return cell;
}

/* to = max(to, the surface of `from` at an offset). columns, weights: scratch [side] */
static void spread_offset(const float *from, float *to, size_t side, double dx, double dy, uint32_t *columns,
                          float *weights)
{
    for (size_t x = 0; x < side; x++)
        columns[x] = (uint32_t)clamp_cell((double)x + dx, side, &weights[x]);
    for (size_t y = 0; y < side; y++) {
        float wy, *out = to + y * side;
        const float *top = from + clamp_cell((double)y + dy, side, &wy) * side, *bottom = top + side;
        for (size_t x = 0; x < side; x++) {
            size_t c = columns[x];
            float upper = top[c] + weights[x] * (top[c + 1] - top[c]);
            float lower = bottom[c] + weights[x] * (bottom[c + 1] - bottom[c]);
            float value = upper + wy * (lower - upper);
            out[x] = value > out[x] ? value : out[x];
        }
    }
}

static void negate(float *map, size_t area)
{
    for (size_t i = 0; i < area; i++)
        map[i] = -map[i];
}

clipseg_status grid_grow(float *map, size_t side, double radius_x, double radius_y, clipseg_error *error)
{
    const double turn = 6.283185307179586;
    size_t area = side * side, samples;
    bool shrink = radius_x < 0.0;
    double rx = fabs(radius_x), ry = fabs(radius_y);

    if (side < 2 || (rx <= 0.0 && ry <= 0.0))
        return CLIPSEG_OK;
    float *from = memory_aligned(area, sizeof *from), *scratch = memory_aligned(6 * side, sizeof *scratch);
    if (!from || !scratch) {
        free(from);
        free(scratch);
        return error_memory(error);
    }
    if (shrink)
        negate(map, area);
    memcpy(from, map, area * sizeof *map);
    spread_points(from, map, side, rx, ry, scratch);
    samples = size_min(16 + 4 * (size_t)fmin(fmax(rx, ry), 32.0), 96);
    for (size_t i = 0; i < samples; i++) {
        double angle = turn * (double)i / (double)samples;
        spread_offset(from, map, side, rx * cos(angle), ry * sin(angle), (uint32_t *)(void *)scratch,
                      scratch + side);
    }
    if (shrink)
        negate(map, area);
    free(from);
    free(scratch);
    return CLIPSEG_OK;
}
