/* jpeg.c: writing JPEG, through libjpeg-turbo. */
#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

#include "base/error.h"
#include "output/output.h"

struct failure {
    struct jpeg_error_mgr manager; /* first: libjpeg knows this part */
    jmp_buf place;
    char text[JMSG_LENGTH_MAX];
};

static void leave(j_common_ptr jpeg)
{
    struct failure *failure = (struct failure *)(void *)jpeg->err;

    jpeg->err->format_message(jpeg, failure->text);
    longjmp(failure->place, 1);
}

clipseg_status jpeg_write(FILE *stream, size_t width, size_t height, const uint8_t *rgb, int quality,
                          clipseg_error *error)
{
    struct jpeg_compress_struct jpeg;
    struct failure failure;

    jpeg.err = jpeg_std_error(&failure.manager);
    failure.manager.error_exit = leave;
    if (setjmp(failure.place)) {
        jpeg_destroy_compress(&jpeg);
        return error_set(error, CLIPSEG_ERROR_IO, "JPEG cannot be written: %s", failure.text);
    }
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, stream);
    jpeg.image_width = (JDIMENSION)width;
    jpeg.image_height = (JDIMENSION)height;
    jpeg.input_components = 3;
    jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, quality, TRUE);
    jpeg.optimize_coding = TRUE;
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < jpeg.image_height) {
        JSAMPROW row = (JSAMPROW)(uintptr_t)(rgb + 3 * width * jpeg.next_scanline);
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    return CLIPSEG_OK;
}
