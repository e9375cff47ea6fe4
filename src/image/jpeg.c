/* jpeg.c: JPEG through libjpeg-turbo with its default (exact) settings, as Pillow decodes. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include "base/memory.h"
#include "image/decode.h"
#include "image/orientation.h"

#include <jerror.h>
#include <stdlib.h>

#define MOST_SCANS 500 /* a progressive file of a few kilobytes can otherwise cost minutes */

struct decoding {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    const struct picture_source *source;
    uint8_t *row; /* four channels, for CMYK */
    char message[JMSG_LENGTH_MAX];
    jmp_buf out;
};

static bool matches(const unsigned char *data, size_t size)
{
    return size >= 3 && data[0] == 0xff && data[1] == 0xd8 && data[2] == 0xff;
}

static void fail(j_common_ptr jpeg)
{
    struct decoding *d = jpeg->client_data;

    jpeg->err->format_message(jpeg, d->message);
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

    if (jpeg->is_decompressor && ((j_decompress_ptr)jpeg)->input_scan_number > MOST_SCANS) {
        snprintf(d->message, sizeof d->message, "more than %d scans", MOST_SCANS);
        longjmp(d->out, 1);
    }
}

static int find_orientation(const struct jpeg_decompress_struct *jpeg)
{
    static const char xmp[] = "http://ns.adobe.com/xap/1.0/";
    int from_xmp = 0;

    for (jpeg_saved_marker_ptr m = jpeg->marker_list; m; m = m->next) {
        if (m->data_length > 6 && !memcmp(m->data, "Exif\0", 6)) {
            int orientation = orientation_from_exif(m->data, m->data_length);
            if (orientation)
                return orientation;
        } else if (m->data_length > sizeof xmp && !memcmp(m->data, xmp, sizeof xmp) && !from_xmp) {
            from_xmp = orientation_from_xmp(m->data + sizeof xmp, m->data_length - sizeof xmp);
        }
    }
    return from_xmp ? from_xmp : 1;
}

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

static clipseg_status start(struct decoding *d, struct picture *picture, clipseg_error *error)
{
    struct jpeg_decompress_struct *jpeg = &d->jpeg;

    jpeg->err = jpeg_std_error(&d->errors);
    d->errors.error_exit = fail;
    d->errors.emit_message = warn;
    d->errors.output_message = say_nothing;
    jpeg->client_data = d;
    jpeg_create_decompress(jpeg);
    jpeg->client_data = d;
    jpeg_mem_src(jpeg, d->source->data, d->source->size);
    jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(jpeg, TRUE);
    d->progress.progress_monitor = watch_scans;
    jpeg->progress = &d->progress;
    if (jpeg->num_components != 1 && jpeg->num_components != 3 && jpeg->num_components != 4)
        return picture_refuse(d->source, "JPEG", error, "%d colour channels; want 1, 3 or 4",
                              jpeg->num_components);
    jpeg->out_color_space = jpeg->num_components == 1   ? JCS_GRAYSCALE
                            : jpeg->num_components == 3 ? JCS_RGB
                                                        : JCS_CMYK;
    return picture_allocate(d->source, "JPEG", jpeg->image_width, jpeg->image_height, false, &picture->image,
                            error);
}

static clipseg_status decode(const struct picture_source *source, struct picture *picture,
                             clipseg_error *error)
{
    struct decoding d = {.source = source};
    clipseg_status status;

    if (setjmp(d.out)) {
        status = d.errors.msg_code == JERR_OUT_OF_MEMORY
                     ? CLIPSEG_ERROR_MEMORY
                     : picture_refuse(source, "JPEG", error, "%s", d.message);
    } else {
        status = start(&d, picture, error);
        if (!status && !(d.row = memory_aligned(picture->image.width, 4)))
            status = CLIPSEG_ERROR_MEMORY;
        if (!status) {
            jpeg_start_decompress(&d.jpeg);
            read_rows(&d, &picture->image);
            picture->orientation = find_orientation(&d.jpeg);
            jpeg_finish_decompress(&d.jpeg);
        }
    }
    jpeg_destroy_decompress(&d.jpeg);
    free(d.row);
    if (status == CLIPSEG_ERROR_MEMORY && error)
        *error = (clipseg_error){CLIPSEG_ERROR_MEMORY, "out of memory"};
    return status;
}

const struct picture_format format_jpeg = {"JPEG", matches, decode};
