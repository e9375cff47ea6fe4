/* jpeg.c: JPEG through libjpeg-turbo with its default (exact) settings, as Pillow decodes. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "base/error.h"
#include "base/memory.h"
#include "image/decode.h"
#include "image/orientation.h"

/* Every scan of a progressive file visits the whole picture, even if it holds nothing; without a limit a few
 * kilobytes can cost minutes. Encoders write ten or so. */
#define MOST_SCANS 500
#define LEAST_SCANS 32
#define MOST_VISITS ((size_t)1 << 29) /* pixels times scans: half a second */

struct decoding {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    const struct picture_source *source;
    size_t most_scans;
    uint8_t *row; /* four channels, for CMYK */
    clipseg_error *error;
    clipseg_status status;
    jmp_buf out;
};

static bool matches(const unsigned char *data, size_t size)
{
    return size >= 3 && data[0] == 0xff && data[1] == 0xd8 && data[2] == 0xff;
}

/* ---- what the library calls */

/* Where it reads; behind the end of the file it is given an end marker from elsewhere. */
static size_t place(const struct decoding *d)
{
    const unsigned char *next = d->jpeg.src ? d->jpeg.src->next_input_byte : NULL;

    return next >= d->source->data && next <= d->source->data + d->source->size
               ? (size_t)(next - d->source->data)
               : d->source->size;
}

static void fail(j_common_ptr jpeg)
{
    struct decoding *d = jpeg->client_data;
    char reason[JMSG_LENGTH_MAX];

    jpeg->err->format_message(jpeg, reason);
    switch (jpeg->err->msg_code) {
    case JERR_OUT_OF_MEMORY:
        d->status = error_memory(d->error);
        break;
    case JERR_SOF_UNSUPPORTED:
        d->status =
            picture_refuse(d->source, "JPEG", d->error,
                           "a lossless or hierarchical JPEG, which is not read; save it as an ordinary one");
        break;
    case JERR_BAD_PRECISION:
        d->status = picture_refuse(d->source, "JPEG", d->error, "%d bits per channel; save it with 8",
                                   jpeg->err->msg_parm.i[0]);
        break;
    default:
        d->status = picture_damaged(d->source, "JPEG", place(d), reason, d->error);
    }
    longjmp(d->out, 1);
}

/* Most warnings are about damage that viewers pass over; an early end is not. */
static void warn(j_common_ptr jpeg, int level)
{
    if (level < 0 && jpeg->err->msg_code == JWRN_JPEG_EOF)
        fail(jpeg);
}

static void say_nothing(j_common_ptr jpeg)
{
    (void)jpeg;
}

static void watch_scans(j_common_ptr jpeg)
{
    struct decoding *d = jpeg->client_data;

    if (jpeg->is_decompressor && (size_t)((j_decompress_ptr)jpeg)->input_scan_number > d->most_scans) {
        d->status =
            picture_refuse(d->source, "JPEG", d->error, "more than %zu scans; save it again", d->most_scans);
        longjmp(d->out, 1);
    }
}

/* ---- orientation */

/* The body of a marker that may say it; 0: this one does not. */
static int marker_orientation(const unsigned char *body, size_t size, int *from_xmp)
{
    static const char xmp[] = "http://ns.adobe.com/xap/1.0/";

    if (size > 6 && !memcmp(body, "Exif\0", 6))
        return orientation_from_exif(body, size);
    if (size > sizeof xmp && !memcmp(body, xmp, sizeof xmp) && !*from_xmp)
        *from_xmp = orientation_from_xmp(body + sizeof xmp, size - sizeof xmp);
    return 0;
}

/* The markers before the first scan, read here: the library would keep them in a list that it walks for every
 * new one, which takes seconds for a megabyte of empty markers. */
static int find_orientation(const unsigned char *data, size_t size)
{
    int from_xmp = 0;

    for (size_t i = 2; i + 4 <= size && data[i] == 0xff;) {
        unsigned marker = data[i + 1];
        size_t length = (size_t)data[i + 2] << 8 | data[i + 3];
        if (marker == 0xff) { /* padding */
            i++;
            continue;
        }
        if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7)) { /* nothing but the marker */
            i += 2;
            continue;
        }
        if (marker == 0xda || marker == 0xd9 || length < 2 || length > size - i - 2)
            break;
        int orientation = marker == 0xe1 ? marker_orientation(data + i + 4, length - 2, &from_xmp) : 0;
        if (orientation)
            return orientation;
        i += 2 + length;
    }
    return from_xmp ? from_xmp : 1;
}

/* ---- pixels */

/* Pillow's conversion: with Adobe's marker the four channels are stored inverted. */
static void cmyk_to_rgb(const uint8_t *cmyk, bool inverted, size_t width, uint8_t *rgb)
{
    for (size_t x = 0; x < width; x++, cmyk += 4, rgb += 3) {
        unsigned light = inverted ? cmyk[3] : 255u - cmyk[3];
        for (size_t c = 0; c < 3; c++) {
            unsigned ink = inverted ? 255u - cmyk[c] : cmyk[c], product = ink * light + 128;
            rgb[c] = (uint8_t)(light - ((product + (product >> 8)) >> 8));
        }
    }
}

static void grey_to_rgb(uint8_t *row, size_t width)
{
    for (size_t x = width; x-- > 0;)
        row[3 * x] = row[3 * x + 1] = row[3 * x + 2] = row[x];
}

static void read_rows(struct decoding *d, clipseg_image *image)
{
    struct jpeg_decompress_struct *jpeg = &d->jpeg;

    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *rgb = image->rgb + (size_t)jpeg->output_scanline * image->width * 3;
        JSAMPROW row = jpeg->out_color_space == JCS_CMYK ? d->row : rgb;
        jpeg_read_scanlines(jpeg, &row, 1);
        if (jpeg->out_color_space == JCS_CMYK)
            cmyk_to_rgb(d->row, jpeg->saw_Adobe_marker, image->width, rgb);
        else if (jpeg->out_color_space == JCS_GRAYSCALE)
            grey_to_rgb(rgb, image->width);
    }
}

/* Huffman codes are at least one bit long and every block has one: a file that is too short for its size is
 * refused before the library allocates coefficients for it. */
static bool can_be_complete(const struct decoding *d)
{
    size_t blocks = 0;

    for (int i = 0; i < d->jpeg.num_components; i++)
        blocks += (size_t)d->jpeg.comp_info[i].width_in_blocks * d->jpeg.comp_info[i].height_in_blocks;
    return d->jpeg.arith_code || blocks / 8 <= d->source->size;
}

static clipseg_status start(struct decoding *d, struct picture *picture)
{
    struct jpeg_decompress_struct *jpeg = &d->jpeg;
    clipseg_status status;

    jpeg_create_decompress(jpeg);
    jpeg->client_data = d;
    jpeg_mem_src(jpeg, d->source->data, d->source->size);
    jpeg_read_header(jpeg, TRUE);
    if (jpeg->num_components != 1 && jpeg->num_components != 3 && jpeg->num_components != 4)
        return picture_refuse(d->source, "JPEG", d->error, "%d colour channels; want 1, 3 or 4",
                              jpeg->num_components);
    jpeg->out_color_space = jpeg->num_components == 1   ? JCS_GRAYSCALE
                            : jpeg->num_components == 3 ? JCS_RGB
                                                        : JCS_CMYK;
    status = picture_allocate(d->source, "JPEG", jpeg->image_width, jpeg->image_height, false,
                              &picture->image, d->error);
    if (!status && !can_be_complete(d))
        status =
            picture_damaged(d->source, "JPEG", d->source->size, "too short for its size in pixels", d->error);
    if (!status && !(d->row = memory_aligned(picture->image.width, 4)))
        status = error_memory(d->error);
    if (status)
        return status;
    d->most_scans = MOST_VISITS / (picture->image.width * picture->image.height);
    d->most_scans = d->most_scans < LEAST_SCANS  ? LEAST_SCANS
                    : d->most_scans > MOST_SCANS ? MOST_SCANS
                                                 : d->most_scans;
    d->progress.progress_monitor = watch_scans;
    jpeg->progress = &d->progress;
    return CLIPSEG_OK;
}

static clipseg_status decode(const struct picture_source *source, struct picture *picture,
                             clipseg_error *error)
{
    struct decoding d = {.source = source, .error = error};

    d.jpeg.err = jpeg_std_error(&d.errors);
    d.errors.error_exit = fail;
    d.errors.emit_message = warn;
    d.errors.output_message = say_nothing;
    d.jpeg.client_data = &d;
    if (!setjmp(d.out)) {
        d.status = start(&d, picture);
        if (!d.status) {
            jpeg_start_decompress(&d.jpeg);
            read_rows(&d, &picture->image);
            jpeg_finish_decompress(&d.jpeg);
            picture->orientation = find_orientation(source->data, source->size);
        }
    }
    jpeg_destroy_decompress(&d.jpeg);
    free(d.row);
    return d.status;
}

const struct picture_format format_jpeg = {"JPEG", matches, decode};
