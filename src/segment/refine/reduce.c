/* reduce.c: area averaging, rows first, then columns. */
#include "segment/refine/reduce.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

struct reduction {
    const clipseg_image *image;
    size_t width, height; /* of the output */
    float *sums;          /* [threads][image width * 3]: a row's worth of input rows added up */
    uint8_t *rgb;
};

/* The input cells that output cell i covers: the first one, how many, and the part of the first and the last
 * that lies inside. */
struct cover {
    size_t first, count;
    float head, tail;
};

static struct cover find_cover(size_t i, size_t from, size_t to)
{
    double scale = (double)from / (double)to, begin = (double)i * scale, end = (double)(i + 1) * scale;
    size_t first = (size_t)begin, last = size_min((size_t)end, from - 1);

    if (last > first && end - (double)last < 1e-6)
        last--;
    struct cover cover = {first, last - first + 1, 1.0f - (float)(begin - (double)first),
                          (float)(end - (double)last)};
    if (cover.count == 1)
        cover.head = cover.tail = 1.0f;
    return cover;
}

static float cover_weight(const struct cover *cover, size_t k)
{
    return k == 0 ? cover->head : k + 1 == cover->count ? cover->tail : 1.0f;
}

static void add_row(size_t count, const uint8_t *restrict row, float weight, float *restrict sum)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += weight * (float)row[i];
}

static void reduce_row(void *context, size_t y, size_t worker)
{
    const struct reduction *r = context;
    size_t stride = 3 * r->image->width;
    struct cover rows = find_cover(y, r->image->height, r->height);
    float *sum = r->sums + worker * stride, total = 0.0f;
    uint8_t *out = r->rgb + 3 * y * r->width;

    memset(sum, 0, stride * sizeof *sum);
    for (size_t k = 0; k < rows.count; k++) {
        float weight = cover_weight(&rows, k);
        add_row(stride, r->image->rgb + (rows.first + k) * stride, weight, sum);
        total += weight;
    }
    for (size_t x = 0; x < r->width; x++, out += 3) {
        struct cover columns = find_cover(x, r->image->width, r->width);
        const float *from = sum + 3 * columns.first;
        float rgb[3] = {0.0f}, area = 0.0f;
        for (size_t k = 0; k < columns.count; k++, from += 3) {
            float weight = cover_weight(&columns, k);
            area += weight;
            for (size_t c = 0; c < 3; c++)
                rgb[c] += weight * from[c];
        }
        for (size_t c = 0; c < 3; c++)
            out[c] = (uint8_t)(rgb[c] / (area * total) + 0.5f);
    }
}

clipseg_status reduce_picture(const clipseg_image *image, struct pool *pool, size_t to_width,
                              size_t to_height, uint8_t *rgb, clipseg_error *error)
{
    struct reduction r = {image, to_width, to_height, NULL, rgb};
    size_t count;

    if (to_width == image->width && to_height == image->height) {
        memcpy(rgb, image->rgb, 3 * to_width * to_height);
        return CLIPSEG_OK;
    }
    if (size_multiply(3 * image->width, pool_threads(pool), &count))
        r.sums = memory_aligned(count, sizeof *r.sums);
    if (!r.sums)
        return error_memory(error);
    pool_run(pool, to_height, reduce_row, &r);
    free(r.sums);
    return CLIPSEG_OK;
}
