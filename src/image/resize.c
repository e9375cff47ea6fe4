/* resize.c: Pillow's Image.resize for 8-bit RGB: separable filters in fixed point (Pillow,
 * src/libImaging/Resample.c). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "image/image.h"

#define PRECISION (32 - 8 - 2) /* bits behind the point: 8 bits of pixel and a sign fit beside them */

/* For every output position: the first source position and its weights. */
struct taps {
    size_t most;      /* weights per position */
    size_t *first;    /* [size] */
    size_t *count;    /* [size] */
    int32_t *weights; /* [size, most] */
};

static double bilinear(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double bicubic(double x)
{
    const double a = -0.5;

    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    if (x < 2.0)
        return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
    return 0.0;
}

static int32_t to_fixed(double weight)
{
    double scaled = weight * (double)(1 << PRECISION);

    return (int32_t)(weight < 0.0 ? scaled - 0.5 : scaled + 0.5);
}

/* Weights of one output position, normalised in double precision, then rounded. line: scratch [most] */
static void fill_taps(struct taps *taps, size_t i, size_t from, double scale, enum image_filter filter,
                      double *line)
{
    double stretch = scale < 1.0 ? 1.0 : scale, support = (filter == IMAGE_BICUBIC ? 2.0 : 1.0) * stretch;
    double centre = ((double)i + 0.5) * scale, sum = 0.0;
    double low = centre - support + 0.5, high = centre + support + 0.5;
    size_t first = low < 0.0 ? 0 : (size_t)low, end = high > (double)from ? from : (size_t)high;

    for (size_t k = first; k < end; k++) {
        double x = ((double)k - centre + 0.5) * (1.0 / stretch);
        line[k - first] = filter == IMAGE_BICUBIC ? bicubic(x) : bilinear(x);
        sum += line[k - first];
    }
    taps->first[i] = first;
    taps->count[i] = end - first;
    for (size_t k = 0; k < end - first; k++)
        taps->weights[i * taps->most + k] = to_fixed(sum != 0.0 ? line[k] / sum : line[k]);
}

static void free_taps(struct taps *taps)
{
    free(taps->first);
    free(taps->count);
    free(taps->weights);
}

static bool make_taps(struct taps *taps, size_t from, size_t to, enum image_filter filter)
{
    double scale = (double)from / (double)to;
    double support = (filter == IMAGE_BICUBIC ? 2.0 : 1.0) * (scale < 1.0 ? 1.0 : scale);
    double *line;
    size_t weights;

    taps->most = (size_t)ceil(support) * 2 + 1;
    if (!size_multiply(to, taps->most, &weights))
        return false;
    taps->first = memory_aligned(to, sizeof *taps->first);
    taps->count = memory_aligned(to, sizeof *taps->count);
    taps->weights = memory_aligned(weights, sizeof *taps->weights);
    line = memory_aligned(taps->most, sizeof *line);
    bool complete = taps->first && taps->count && taps->weights && line;
    for (size_t i = 0; complete && i < to; i++)
        fill_taps(taps, i, from, scale, filter, line);
    free(line);
    return complete;
}

static uint8_t to_byte(int32_t sum)
{
    sum >>= PRECISION;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

static void resize_row(const uint8_t *from, uint8_t *to, size_t to_width, const struct taps *taps)
{
    for (size_t x = 0; x < to_width; x++, to += 3) {
        const uint8_t *pixel = from + 3 * taps->first[x];
        const int32_t *weight = taps->weights + x * taps->most;
        int32_t red = 1 << (PRECISION - 1), green = red, blue = red;

        for (size_t k = 0; k < taps->count[x]; k++, pixel += 3) {
            red += pixel[0] * weight[k];
            green += pixel[1] * weight[k];
            blue += pixel[2] * weight[k];
        }
        to[0] = to_byte(red);
        to[1] = to_byte(green);
        to[2] = to_byte(blue);
    }
}

/* One output row from several whole rows; sums: scratch [row_bytes]. */
static void resize_column(const uint8_t *from, size_t row_bytes, uint8_t *to, const int32_t *weight,
                          size_t count, int32_t *sums)
{
    for (size_t i = 0; i < row_bytes; i++)
        sums[i] = 1 << (PRECISION - 1);
    for (size_t k = 0; k < count; k++, from += row_bytes)
        for (size_t i = 0; i < row_bytes; i++)
            sums[i] += from[i] * weight[k];
    for (size_t i = 0; i < row_bytes; i++)
        to[i] = to_byte(sums[i]);
}

struct plane {
    const uint8_t *pixels; /* [height, width, 3] */
    size_t width, height;
};

/* Both passes keep the other direction's size. to: [from.height, width, 3] and [height, from.width, 3]. */
static void resize_rows(struct plane from, uint8_t *to, size_t width, const struct taps *taps)
{
    for (size_t y = 0; y < from.height; y++)
        resize_row(from.pixels + y * from.width * 3, to + y * width * 3, width, taps);
}

static void resize_columns(struct plane from, uint8_t *to, size_t height, const struct taps *taps,
                           int32_t *sums)
{
    size_t row_bytes = 3 * from.width;

    for (size_t y = 0; y < height; y++)
        resize_column(from.pixels + taps->first[y] * row_bytes, row_bytes, to + y * row_bytes,
                      taps->weights + y * taps->most, taps->count[y], sums);
}

/* Pillow 13 takes the vertical pass first when the height shrinks by more than twice what the width does; the
 * order matters, since each pass rounds to bytes. */
static bool is_vertical_first(struct plane from, size_t width, size_t height)
{
    return height < from.height &&
           (double)(from.height - height) > 2.0 * ((double)from.width - (double)width);
}

clipseg_status image_resize(const uint8_t *from, size_t from_width, size_t from_height, uint8_t *to,
                            size_t to_width, size_t to_height, enum image_filter filter, clipseg_error *error)
{
    struct plane source = {from, from_width, from_height};
    bool vertical_first = is_vertical_first(source, to_width, to_height);
    struct plane between = {NULL, vertical_first ? from_width : to_width,
                            vertical_first ? to_height : from_height};
    struct taps across = {0}, down = {0};
    size_t pixels = 0;
    uint8_t *middle =
        size_multiply(between.width, between.height, &pixels) ? memory_aligned(pixels, 3) : NULL;
    int32_t *sums = memory_aligned(size_max(from_width, to_width), 3 * sizeof *sums);
    bool complete = middle && sums && make_taps(&across, from_width, to_width, filter) &&
                    make_taps(&down, from_height, to_height, filter);

    between.pixels = middle;
    if (complete && vertical_first) {
        resize_columns(source, middle, to_height, &down, sums);
        if (from_width == to_width)
            memcpy(to, middle, pixels * 3);
        else
            resize_rows(between, to, to_width, &across);
    } else if (complete) {
        if (from_width == to_width)
            memcpy(middle, from, pixels * 3);
        else
            resize_rows(source, middle, to_width, &across);
        if (from_height == to_height)
            memcpy(to, middle, pixels * 3);
        else
            resize_columns(between, to, to_height, &down, sums);
    }
    free_taps(&across);
    free_taps(&down);
    free(middle);
    free(sums);
    return complete ? CLIPSEG_OK : error_memory(error);
}
