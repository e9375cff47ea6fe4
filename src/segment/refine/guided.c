/* guided.c: the filter row by row: running sums down the columns of what was summed along the rows. */
#include "segment/refine/guided.h"

#include <string.h>

#include "base/checked.h"

/* Of every pixel: r g b p, rr rg rb gg gb bb, rp gp bp, and three of padding. */
#define MOMENTS 16
#define COEFFICIENTS 4 /* of r, g, b, and 1 */

struct filter {
    const struct guided_tile *tile;
    size_t radius;
    float epsilon;
    float *pixels;    /* [width, MOMENTS]: of one row */
    float *rows;      /* [2 radius + 1, width, MOMENTS]: summed along x */
    float *sums;      /* [width, MOMENTS]: summed along y as well */
    float *line;      /* [width, COEFFICIENTS] */
    float *line_rows; /* [2 radius + 1, width, COEFFICIENTS] */
    float *line_sums; /* [width, COEFFICIENTS] */
};

size_t guided_scratch(size_t width, size_t radius)
{
    return (2 * radius + 3) * width * (MOMENTS + COEFFICIENTS);
}

static void load_row(const struct filter *f, size_t y)
{
    const struct guided_tile *t = f->tile;
    const uint8_t *rgb = t->rgb + y * t->stride;
    const float *input = t->input + y * t->width;

    for (size_t x = 0; x < t->width; x++) {
        float r = (float)rgb[3 * x] * (1.0f / 255) - 0.5f, g = (float)rgb[3 * x + 1] * (1.0f / 255) - 0.5f;
        float b = (float)rgb[3 * x + 2] * (1.0f / 255) - 0.5f, p = input[x];
        const float values[MOMENTS] = {r,     g,     b,     p,     r * r, r * g, r * b, g * g,
                                       g * b, b * b, r * p, g * p, b * p, 0.0f,  0.0f,  0.0f};
        memcpy(f->pixels + x * MOMENTS, values, sizeof values);
    }
}

/* out[x] = sum of values[x - radius .. x + radius], less at the ends; `size` floats a pixel. */
static inline void sum_along(const float *restrict values, size_t width, size_t radius, size_t size,
                             float *restrict out)
{
    float sum[MOMENTS] = {0.0f};

    for (size_t x = 0; x < size_min(radius, width); x++)
        for (size_t c = 0; c < size; c++)
            sum[c] += values[x * size + c];
    for (size_t x = 0; x < width; x++) {
        if (x + radius < width)
            for (size_t c = 0; c < size; c++)
                sum[c] += values[(x + radius) * size + c];
        if (x > radius)
            for (size_t c = 0; c < size; c++)
                sum[c] -= values[(x - radius - 1) * size + c];
        for (size_t c = 0; c < size; c++)
            out[x * size + c] = sum[c];
    }
}

static void add(size_t count, const float *restrict from, float *restrict to)
{
    for (size_t i = 0; i < count; i++)
        to[i] += from[i];
}

static void subtract(size_t count, const float *restrict from, float *restrict to)
{
    for (size_t i = 0; i < count; i++)
        to[i] -= from[i];
}

/* The affine function of one window: m are its means. */
static void fit(const float *m, float epsilon, float *line)
{
    float rr = m[4] - m[0] * m[0] + epsilon, rg = m[5] - m[0] * m[1], rb = m[6] - m[0] * m[2];
    float gg = m[7] - m[1] * m[1] + epsilon, gb = m[8] - m[1] * m[2], bb = m[9] - m[2] * m[2] + epsilon;
    float rp = m[10] - m[0] * m[3], gp = m[11] - m[1] * m[3], bp = m[12] - m[2] * m[3];
    float c0 = gg * bb - gb * gb, c1 = gb * rb - rg * bb, c2 = rg * gb - gg * rb;
    float inverse = 1.0f / (rr * c0 + rg * c1 + rb * c2);

    line[0] = (c0 * rp + c1 * gp + c2 * bp) * inverse;
    line[1] = (c1 * rp + (rr * bb - rb * rb) * gp + (rg * rb - rr * gb) * bp) * inverse;
    line[2] = (c2 * rp + (rg * rb - rr * gb) * gp + (rr * gg - rg * rg) * bp) * inverse;
    line[3] = m[3] - line[0] * m[0] - line[1] * m[1] - line[2] * m[2];
}

static size_t extent(size_t i, size_t radius, size_t size)
{
    return size_min(i + radius + 1, size) - (i > radius ? i - radius : 0);
}

static void fit_row(const struct filter *f, size_t y)
{
    const struct guided_tile *t = f->tile;
    float rows = (float)extent(y, f->radius, t->height);

    for (size_t x = 0; x < t->width; x++) {
        float means[MOMENTS], part = 1.0f / (rows * (float)extent(x, f->radius, t->width));
        for (size_t c = 0; c < MOMENTS; c++)
            means[c] = f->sums[x * MOMENTS + c] * part;
        fit(means, f->epsilon, f->line + x * COEFFICIENTS);
    }
}

static void write_row(const struct filter *f, size_t y, float *out)
{
    const struct guided_tile *t = f->tile;
    const uint8_t *rgb = t->rgb + y * t->stride + 3 * t->left;
    const float *sums = f->line_sums + t->left * COEFFICIENTS;
    float rows = (float)extent(y, f->radius, t->height);

    for (size_t x = 0; x < t->tile_width; x++, rgb += 3, sums += COEFFICIENTS) {
        float part = 1.0f / (rows * (float)extent(t->left + x, f->radius, t->width));
        float r = (float)rgb[0] * (1.0f / 255) - 0.5f, g = (float)rgb[1] * (1.0f / 255) - 0.5f;
        float b = (float)rgb[2] * (1.0f / 255) - 0.5f;
        out[x] = (sums[0] * r + sums[1] * g + sums[2] * b + sums[3]) * part;
    }
}

void guided_filter(const struct guided_tile *tile, size_t radius, float epsilon, float *scratch, float *out)
{
    size_t width = tile->width, height = tile->height, ring = 2 * radius + 1;
    size_t moments = width * MOMENTS, coefficients = width * COEFFICIENTS;
    struct filter f = {.tile = tile, .radius = radius, .epsilon = epsilon};

    f.pixels = scratch;
    f.rows = f.pixels + moments;
    f.sums = f.rows + ring * moments;
    f.line = f.sums + moments;
    f.line_rows = f.line + coefficients;
    f.line_sums = f.line_rows + ring * coefficients;
    memset(f.sums, 0, moments * sizeof(float));
    memset(f.line_sums, 0, coefficients * sizeof(float));
    for (size_t y = 0; y < height + 2 * radius; y++) {
        /* sums around row y - radius */
        float *row = f.rows + y % ring * moments;
        if (y >= ring)
            subtract(moments, row, f.sums);
        if (y < height) {
            load_row(&f, y);
            sum_along(f.pixels, width, radius, MOMENTS, row);
            add(moments, row, f.sums);
        } else {
            memset(row, 0, moments * sizeof(float));
        }
        if (y < radius)
            continue;
        /* coefficients of row y - radius, and their sums around row y - 2 radius */
        size_t middle = y - radius;
        float *line = f.line_rows + middle % ring * coefficients;
        if (middle >= ring)
            subtract(coefficients, line, f.line_sums);
        if (middle < height) {
            fit_row(&f, middle);
            sum_along(f.line, width, radius, COEFFICIENTS, line);
            add(coefficients, line, f.line_sums);
        } else {
            memset(line, 0, coefficients * sizeof(float));
        }
        if (middle < radius)
            continue;
        size_t done = middle - radius;
        if (done >= tile->top && done < tile->top + tile->tile_height)
            write_row(&f, done, out + (done - tile->top) * tile->tile_width);
    }
}
