/* yuv.c: conversion between YUV and RGB in fixed point. Matrices: ITU-R BT.601-7, BT.709-6, BT.2020-2, all
 * from the weights of red and blue in luma:
 *
 *     Y = kr R + kg G + kb B,  Cb = (B - Y) / (2 - 2 kb),  Cr = (R - Y) / (2 - 2 kr)
 */
#include "image/yuv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/memory.h"

#define BITS 14        /* of the fraction in coefficients */
#define CHROMA_STEPS 8 /* interpolated chroma is held in eighths */

static size_t chroma_width(const struct yuv_format *f)
{
    return f->layout == YUV_444 ? f->width : f->layout == YUV_MONO ? 0 : (f->width + 1) / 2;
}

static size_t chroma_height(const struct yuv_format *f)
{
    return f->layout == YUV_420 ? (f->height + 1) / 2 : f->layout == YUV_MONO ? 0 : f->height;
}

bool yuv_frame_size(const struct yuv_format *f, size_t *size)
{
    size_t luma, chroma;

    return size_multiply(f->width, f->height, &luma) && luma <= SIZE_MAX / 8 &&
           size_multiply(chroma_width(f), chroma_height(f), &chroma) && size_add(luma, 2 * chroma, size);
}

static void weights(enum yuv_matrix matrix, double *kr, double *kb)
{
    static const double table[][2] = {
        [YUV_BT601] = {0.299, 0.114}, [YUV_BT709] = {0.2126, 0.0722}, [YUV_BT2020] = {0.2627, 0.0593}};

    *kr = table[matrix][0];
    *kb = table[matrix][1];
}

static int32_t fixed(double value)
{
    return (int32_t)lrint(value * (1 << BITS));
}

static uint8_t clamp(int32_t value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* ---- to RGB */

struct to_rgb {
    int32_t luma, offset;                        /* (Y - offset) * luma */
    int32_t red_cr, green_cb, green_cr, blue_cb; /* of chroma in eighths */
};

static struct to_rgb to_rgb_of(const struct yuv_format *f)
{
    double kr, kb, luma = f->full_range ? 1.0 : 255.0 / 219.0,
                   chroma = (f->full_range ? 1.0 : 255.0 / 224.0) / CHROMA_STEPS;

    weights(f->matrix, &kr, &kb);
    double kg = 1.0 - kr - kb;
    return (struct to_rgb){.luma = fixed(luma),
                           .offset = f->full_range ? 0 : 16,
                           .red_cr = fixed(chroma * (2.0 - 2.0 * kr)),
                           .green_cb = fixed(-chroma * kb * (2.0 - 2.0 * kb) / kg),
                           .green_cr = fixed(-chroma * kr * (2.0 - 2.0 * kr) / kg),
                           .blue_cb = fixed(chroma * (2.0 - 2.0 * kb))};
}

/* Between which two chroma lines a line of 4:2:0 lies, and the second one's share in quarters. */
static void vertical_tap(enum yuv_siting siting, bool is_cr, size_t y, size_t lines, size_t taps[2],
                         int *second)
{
    size_t half = y / 2;
    bool odd = y & 1;

    if (siting == YUV_DV) { /* Cb lies on even lines, Cr on odd ones */
        bool between = is_cr ? !odd : odd;
        taps[0] = is_cr && !odd && half ? half - 1 : half;
        taps[1] = is_cr ? half : half + 1;
        *second = between ? 2 : 0;
    } else {
        taps[0] = odd ? half : half ? half - 1 : 0;
        taps[1] = odd ? half + 1 : half;
        *second = odd ? 1 : 3;
    }
    taps[0] = size_min(taps[0], lines - 1);
    taps[1] = size_min(taps[1], lines - 1);
}

/* One chroma line in quarters: 128 is taken off. */
static void mix_lines(const uint8_t *plane, const struct yuv_format *f, bool is_cr, size_t y, int16_t *line)
{
    size_t width = chroma_width(f), taps[2] = {y, y};
    int second = 0;

    if (f->layout == YUV_420)
        vertical_tap(f->siting, is_cr, y, chroma_height(f), taps, &second);
    const uint8_t *a = plane + taps[0] * width, *b = plane + taps[1] * width;
    for (size_t x = 0; x < width; x++)
        line[x] = (int16_t)((4 - second) * a[x] + second * b[x] - 512);
}

/* A chroma line in quarters to the full width, in eighths (of halves and quarters the last bit is rounded).
 */
static void widen(const struct yuv_format *f, const int16_t *line, int16_t *wide)
{
    size_t last = chroma_width(f) - 1;

    for (size_t x = 0; x < f->width; x++) {
        size_t half = x / 2, right = size_min(half + 1, last), left = half ? half - 1 : 0;
        if (f->layout == YUV_444)
            wide[x] = (int16_t)(2 * line[x]);
        else if (f->layout == YUV_422 || f->siting != YUV_CENTER)
            wide[x] = (int16_t)(x & 1 ? line[half] + line[right] : 2 * line[half]);
        else
            wide[x] = (int16_t)((3 * line[half] + line[x & 1 ? right : left] + 1) >> 1);
    }
}

static void convert_line(const struct to_rgb *m, const uint8_t *luma, const int16_t *cb, const int16_t *cr,
                         size_t width, uint8_t *rgb)
{
    for (size_t x = 0; x < width; x++) {
        int32_t y = (luma[x] - m->offset) * m->luma + (1 << (BITS - 1));
        rgb[3 * x] = clamp((y + m->red_cr * cr[x]) >> BITS);
        rgb[3 * x + 1] = clamp((y + m->green_cb * cb[x] + m->green_cr * cr[x]) >> BITS);
        rgb[3 * x + 2] = clamp((y + m->blue_cb * cb[x]) >> BITS);
    }
}

bool yuv_to_rgb(const struct yuv_format *f, const uint8_t *frame, uint8_t *rgb)
{
    const struct to_rgb matrix = to_rgb_of(f);
    size_t plane = chroma_width(f) * chroma_height(f);
    const uint8_t *cb = frame + f->width * f->height, *cr = cb + plane;
    int16_t *lines = memory_zeroed(f->width, 3 * sizeof *lines); /* narrow, wide Cb, wide Cr */

    if (!lines)
        return false;
    int16_t *wide_cb = lines + f->width, *wide_cr = wide_cb + f->width;
    for (size_t y = 0; y < f->height; y++) {
        if (f->layout != YUV_MONO) {
            mix_lines(cb, f, false, y, lines);
            widen(f, lines, wide_cb);
            mix_lines(cr, f, true, y, lines);
            widen(f, lines, wide_cr);
        }
        convert_line(&matrix, frame + y * f->width, wide_cb, wide_cr, f->width, rgb + 3 * y * f->width);
    }
    free(lines);
    return true;
}

/* ---- from RGB */

struct from_rgb {
    int32_t luma[3], cb[3], cr[3]; /* of red, green, blue */
    int32_t offset;
};

static struct from_rgb from_rgb_of(const struct yuv_format *f)
{
    double kr, kb, luma = f->full_range ? 1.0 : 219.0 / 255.0, chroma = f->full_range ? 1.0 : 224.0 / 255.0;

    weights(f->matrix, &kr, &kb);
    double kg = 1.0 - kr - kb, b = chroma / (2.0 - 2.0 * kb), r = chroma / (2.0 - 2.0 * kr);
    return (struct from_rgb){.luma = {fixed(luma * kr), fixed(luma * kg), fixed(luma * kb)},
                             .cb = {fixed(-b * kr), fixed(-b * kg), fixed(b * (1.0 - kb))},
                             .cr = {fixed(r * (1.0 - kr)), fixed(-r * kg), fixed(-r * kb)},
                             .offset = f->full_range ? 0 : 16};
}

static int32_t weigh(const int32_t by[3], const int32_t rgb[3])
{
    return by[0] * rgb[0] + by[1] * rgb[1] + by[2] * rgb[2];
}

/* The colour at column cx of the chroma, from lines y0 to y1: sum is so many times the colour as is returned.
 */
static int32_t gather(const struct yuv_format *f, const uint8_t *rgb, size_t cx, size_t y0, size_t y1,
                      int32_t sum[3])
{
    bool halved = f->layout != YUV_444, left = f->layout == YUV_422 || f->siting != YUV_CENTER;
    size_t x = halved ? 2 * cx : cx, before = x ? x - 1 : 0, after = size_min(x + 1, f->width - 1);

    sum[0] = sum[1] = sum[2] = 0;
    for (size_t y = y0; y <= y1; y++) {
        const uint8_t *row = rgb + 3 * f->width * size_min(y, f->height - 1);
        for (size_t c = 0; c < 3; c++) {
            int32_t here = row[3 * x + c], next = row[3 * after + c], previous = row[3 * before + c];
            sum[c] += !halved ? 4 * here : left ? 2 * here + next + previous : 2 * (here + next);
        }
    }
    return (int32_t)(4 * (y1 - y0 + 1));
}

static void shrink_chroma(const struct yuv_format *f, const int32_t by[3], bool is_cr, const uint8_t *rgb,
                          uint8_t *plane)
{
    for (size_t cy = 0; cy < chroma_height(f); cy++) {
        size_t y0 = f->layout == YUV_420 ? 2 * cy : cy, y1 = f->layout == YUV_420 ? y0 + 1 : y0;
        if (f->layout == YUV_420 && f->siting == YUV_DV)
            y0 = y1 = y0 + is_cr;
        for (size_t cx = 0; cx < chroma_width(f); cx++) {
            int32_t sum[3], share = gather(f, rgb, cx, y0, y1, sum);
            int32_t value = weigh(by, sum) / share + (128 << BITS) + (1 << (BITS - 1));
            *plane++ = clamp(value >> BITS);
        }
    }
}

void yuv_from_rgb(const struct yuv_format *f, const uint8_t *rgb, uint8_t *frame)
{
    const struct from_rgb matrix = from_rgb_of(f);
    size_t pixels = f->width * f->height, plane = chroma_width(f) * chroma_height(f);

    for (size_t i = 0; i < pixels; i++) {
        const int32_t colour[3] = {rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]};
        frame[i] = clamp(((weigh(matrix.luma, colour) + (1 << (BITS - 1))) >> BITS) + matrix.offset);
    }
    shrink_chroma(f, matrix.cb, false, rgb, frame + pixels);
    shrink_chroma(f, matrix.cr, true, rgb, frame + pixels + plane);
}
