/* png.c: writing PNG. */
#include <errno.h>
#include <string.h>

#include <spng.h>

#include "base/error.h"
#include "output/output.h"

static const struct {
    uint8_t colour_type, bit_depth, bytes;
} layouts[] = {
    [PNG_GREY8] = {SPNG_COLOR_TYPE_GRAYSCALE, 8, 1},  [PNG_GREY16] = {SPNG_COLOR_TYPE_GRAYSCALE, 16, 2},
    [PNG_RGB8] = {SPNG_COLOR_TYPE_TRUECOLOR, 8, 3},   [PNG_RGBA8] = {SPNG_COLOR_TYPE_TRUECOLOR_ALPHA, 8, 4},
    [PNG_PALETTE8] = {SPNG_COLOR_TYPE_INDEXED, 8, 1},
};

static int set_palette(spng_ctx *png, const struct png_palette *palette)
{
    struct spng_plte entries = {.n_entries = (uint32_t)palette->count};

    for (size_t i = 0; i < palette->count; i++) {
        entries.entries[i].red = palette->rgb[i][0];
        entries.entries[i].green = palette->rgb[i][1];
        entries.entries[i].blue = palette->rgb[i][2];
    }
    return spng_set_plte(png, &entries);
}

clipseg_status png_write(FILE *stream, enum png_layout layout, size_t width, size_t height,
                         const void *pixels, const struct png_palette *palette, clipseg_error *error)
{
    spng_ctx *png = spng_ctx_new(SPNG_CTX_ENCODER);
    struct spng_ihdr header = {.width = (uint32_t)width,
                               .height = (uint32_t)height,
                               .color_type = layouts[layout].colour_type,
                               .bit_depth = layouts[layout].bit_depth};
    int code;

    if (!png)
        return error_memory(error);
    errno = 0;
    if (width > INT32_MAX || height > INT32_MAX)
        code = SPNG_EWIDTH;
    else if ((code = spng_set_option(png, SPNG_IMG_COMPRESSION_LEVEL, 4)) == 0 &&
             (code = spng_set_png_file(png, stream)) == 0 && (code = spng_set_ihdr(png, &header)) == 0 &&
             (!palette || (code = set_palette(png, palette)) == 0))
        code = spng_encode_image(png, pixels, width * height * layouts[layout].bytes, SPNG_FMT_PNG,
                                 SPNG_ENCODE_FINALIZE);
    int reason = errno;
    spng_ctx_free(png);
    if (code == SPNG_EMEM ||
        (code && reason == ENOMEM)) /* of zlib's failures the library does not say which */
        return error_memory(error);
    return code ? error_set(error, CLIPSEG_ERROR_IO, "cannot be written: %s",
                            code == SPNG_IO_ERROR ? strerror(reason) : spng_strerror(code))
                : CLIPSEG_OK;
}
