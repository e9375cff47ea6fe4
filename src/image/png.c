/* png.c: PNG through libspng; every type becomes 8-bit RGB as Pillow's convert("RGB") (16-bit by the high
 * byte). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <spng.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "image/decode.h"
#include "image/orientation.h"

/* What texts and profiles may need while they are unpacked. */
#define CHUNK_LIMIT ((size_t)8 << 20)
#define CHUNKS_LIMIT ((size_t)16 << 20)

struct reader {
    const struct picture_source *source;
    size_t place; /* the byte that the library reads next */
};

static bool matches(const unsigned char *data, size_t size)
{
    return size >= 8 && !memcmp(data, "\x89PNG\r\n\x1a\n", 8);
}

static int read_bytes(spng_ctx *png, void *user, void *out, size_t length)
{
    struct reader *r = user;

    (void)png;
    if (length > r->source->size - r->place)
        return SPNG_IO_EOF;
    memcpy(out, r->source->data + r->place, length);
    r->place += length;
    return 0;
}

static clipseg_status refuse(const struct reader *r, int code, clipseg_error *error)
{
    if (code == SPNG_EMEM || errno == ENOMEM) /* of zlib's failures the library does not say which */
        return error_memory(error);
    return picture_damaged(r->source, "PNG", r->place,
                           code == SPNG_IO_EOF ? "the file ends early" : spng_strerror(code), error);
}

/* ---- orientation */

static int text_orientation(const struct spng_text *text)
{
    if (!strcmp(text->keyword, "Raw profile type exif"))
        return orientation_from_raw_profile(text->text, text->length);
    if (!strcmp(text->keyword, "XML:com.adobe.xmp"))
        return orientation_from_xmp((const unsigned char *)text->text, text->length);
    return 0;
}

static clipseg_status find_orientation(spng_ctx *png, int *orientation, clipseg_error *error)
{
    struct spng_exif exif;
    struct spng_text *texts;
    uint32_t count = 0;

    *orientation =
        spng_get_exif(png, &exif) ? 0 : orientation_from_exif((const unsigned char *)exif.data, exif.length);
    if (!*orientation && !spng_get_text(png, NULL, &count)) {
        texts = memory_zeroed(count, sizeof *texts);
        if (!texts)
            return error_memory(error);
        if (!spng_get_text(png, texts, &count))
            for (uint32_t i = 0; i < count && !*orientation; i++)
                *orientation = text_orientation(&texts[i]);
        free(texts);
    }
    *orientation = *orientation ? *orientation : 1;
    return CLIPSEG_OK;
}

/* ---- pixels */

static bool has_transparency(spng_ctx *png, const struct spng_ihdr *header)
{
    struct spng_trns transparency;

    return header->color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA ||
           header->color_type == SPNG_COLOR_TYPE_TRUECOLOR_ALPHA || spng_get_trns(png, &transparency) == 0;
}

/* With alpha the library hands out RGBA, which is then taken apart. */
static clipseg_status read_rgba(const struct reader *r, spng_ctx *png, clipseg_image *image,
                                clipseg_error *error)
{
    size_t pixels = image->width * image->height, bytes;
    uint8_t *rgba = size_multiply(pixels, 4, &bytes) ? memory_zeroed(bytes, 1) : NULL;
    int code;

    if (!rgba)
        return error_memory(error);
    code = spng_decode_image(png, rgba, bytes, SPNG_FMT_RGBA8, SPNG_DECODE_TRNS);
    for (size_t i = 0; !code && i < pixels; i++) {
        memcpy(image->rgb + 3 * i, rgba + 4 * i, 3);
        image->alpha[i] = rgba[4 * i + 3];
    }
    free(rgba);
    return code ? refuse(r, code, error) : CLIPSEG_OK;
}

/* The library is content with the name of the last chunk; a file that lacks its checksum is cut off all the
 * same. Looked for first, so that no time goes into half a picture. */
static bool has_end(const struct picture_source *source)
{
    static const unsigned char end[12] = {0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};

    return memmem(source->data, source->size, end, sizeof end) != NULL;
}

static clipseg_status read_image(struct reader *r, spng_ctx *png, struct picture *picture,
                                 clipseg_error *error)
{
    struct spng_ihdr header;
    clipseg_image *image = &picture->image;
    clipseg_status status;
    int code;

    if ((code = spng_set_png_stream(png, read_bytes, r)) != 0 ||
        (code = spng_set_chunk_limits(png, CHUNK_LIMIT, CHUNKS_LIMIT)) != 0 ||
        (code = spng_get_ihdr(png, &header)) != 0)
        return refuse(r, code, error);
    bool alpha = r->source->options->keep_alpha && has_transparency(png, &header);
    status = picture_allocate(r->source, "PNG", header.width, header.height, alpha, image, error);
    if (status)
        return status;
    if (!has_end(r->source))
        return picture_damaged(r->source, "PNG", r->source->size, "the end chunk is missing", error);
    if (alpha)
        status = read_rgba(r, png, image, error);
    else if ((code = spng_decode_image(png, image->rgb, image->width * image->height * 3, SPNG_FMT_RGB8,
                                       0)) != 0)
        status = refuse(r, code, error);
    if (!status && (code = spng_decode_chunks(png)) != 0) /* what follows the pixels, to the end */
        status = refuse(r, code, error);
    return status ? status : find_orientation(png, &picture->orientation, error);
}

static clipseg_status decode(const struct picture_source *source, struct picture *picture,
                             clipseg_error *error)
{
    spng_ctx *png = spng_ctx_new(0);
    struct reader reader = {source, 0};
    clipseg_status status;

    if (!png)
        return error_memory(error);
    errno = 0;
    status = read_image(&reader, png, picture, error);
    spng_ctx_free(png);
    return status;
}

const struct picture_format format_png = {"PNG", matches, decode};
