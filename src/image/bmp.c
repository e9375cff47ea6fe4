/* bmp.c: Windows bitmaps of 1, 4, 8, 24 or 32 bits per pixel, not compressed. */
#include <string.h>

#include "base/checked.h"
#include "image/decode.h"

#define COMPRESSION_MASKS                                                                                    \
    3 /* "bit fields": not compressed, but the order of the channels is told by masks                        \
       */

struct header {
    uint32_t offset, header_size, width, height, bits, compression, colours;
    bool top_down;
    const unsigned char *palette; /* [colours][entry] blue, green, red */
    size_t entry;
};

static bool matches(const unsigned char *data, size_t size)
{
    return size >= 2 && data[0] == 'B' && data[1] == 'M';
}

static uint32_t read_u16(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t read_u32(const unsigned char *p)
{
    return read_u16(p) | read_u16(p + 2) << 16;
}

static clipseg_status read_palette(const struct picture_source *source, struct header *h,
                                   clipseg_error *error)
{
    size_t start = 14 + h->header_size, most = (size_t)1 << h->bits;

    if (h->bits > 8)
        return CLIPSEG_OK;
    if (!h->colours || h->colours > most)
        h->colours = (uint32_t)most;
    if (start > source->size || source->size - start < h->colours * h->entry)
        return picture_damaged(source, "BMP", source->size, "the palette ends early", error);
    h->palette = source->data + start;
    return CLIPSEG_OK;
}

/* Masks that say what is usual without them: blue, green, red. */
static bool has_usual_masks(const struct picture_source *source)
{
    const unsigned char *masks = source->data + 14 + 40;

    return source->size >= 14 + 40 + 12 && read_u32(masks) == 0xff0000 && read_u32(masks + 4) == 0xff00 &&
           read_u32(masks + 8) == 0xff;
}

static clipseg_status check_header(const struct picture_source *source, const struct header *h,
                                   clipseg_error *error)
{
    bool masks = h->compression == COMPRESSION_MASKS && h->bits == 32;

    if (masks && !has_usual_masks(source))
        return picture_refuse(source, "BMP", error, "byte 54: an unusual order of channels; save it as PNG");
    if (h->compression && !masks)
        return picture_refuse(source, "BMP", error,
                              "byte 30: is compressed (%u); save it uncompressed or as PNG", h->compression);
    if (h->bits != 1 && h->bits != 4 && h->bits != 8 && h->bits != 24 && h->bits != 32)
        return picture_refuse(source, "BMP", error,
                              "byte 28: %u bits per pixel; want 1, 4, 8, 24 or 32: save it as PNG", h->bits);
    if (h->width >> 31 || h->height >> 31)
        return picture_damaged(source, "BMP", 18, "a negative width", error);
    return CLIPSEG_OK;
}

static clipseg_status read_header(const struct picture_source *source, struct header *h, clipseg_error *error)
{
    const unsigned char *p = source->data;

    if (source->size < 26)
        return picture_damaged(source, "BMP", source->size, "the header ends early", error);
    *h = (struct header){.offset = read_u32(p + 10), .header_size = read_u32(p + 14), .entry = 4};
    if (h->header_size == 12) {
        h->width = read_u16(p + 18);
        h->height = read_u16(p + 20);
        h->bits = read_u16(p + 24);
        h->entry = 3;
    } else if (h->header_size >= 40 && h->header_size <= 124 && source->size >= 14 + (size_t)h->header_size) {
        h->width = read_u32(p + 18);
        h->height = read_u32(p + 22);
        h->bits = read_u16(p + 28);
        h->compression = read_u32(p + 30);
        h->colours = read_u32(p + 46);
        h->top_down = h->height >> 31;
        h->height = h->top_down ? 0u - h->height : h->height;
    } else {
        return picture_refuse(source, "BMP", error,
                              "byte 14: a header of %u bytes; want 12 or 40 to 124: save it as PNG",
                              h->header_size);
    }
    clipseg_status status = check_header(source, h, error);
    return status ? status : read_palette(source, h, error);
}

static void read_row(const struct header *h, const unsigned char *row, uint8_t *rgb)
{
    for (uint32_t x = 0; x < h->width; x++, rgb += 3) {
        const unsigned char *bgr = row + (size_t)x * (h->bits / 8);
        if (h->bits <= 8) {
            uint32_t bit = x * h->bits, shift = 8 - h->bits - bit % 8;
            uint32_t index = (uint32_t)row[bit / 8] >> shift & ((1u << h->bits) - 1);
            static const unsigned char black[4];
            bgr = index < h->colours ? h->palette + index * h->entry : black;
        }
        rgb[0] = bgr[2];
        rgb[1] = bgr[1];
        rgb[2] = bgr[0];
    }
}

static clipseg_status decode(const struct picture_source *source, struct picture *picture,
                             clipseg_error *error)
{
    struct header h = {0};
    size_t stride, bytes;
    clipseg_status status = read_header(source, &h, error);

    if (status)
        return status;
    stride = ((size_t)h.width * h.bits + 31) / 32 * 4;
    if (!size_multiply(stride, h.height, &bytes) || h.offset > source->size ||
        source->size - h.offset < bytes)
        return picture_damaged(source, "BMP", source->size, "the pixels end early", error);
    status = picture_allocate(source, "BMP", h.width, h.height, false, &picture->image, error);
    for (uint32_t y = 0; !status && y < h.height; y++)
        read_row(&h, source->data + h.offset + (size_t)(h.top_down ? y : h.height - 1 - y) * stride,
                 picture->image.rgb + (size_t)y * h.width * 3);
    return status;
}

const struct picture_format format_bmp = {"BMP", matches, decode};
