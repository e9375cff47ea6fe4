/* decode.c: bytes to an upright picture: which format, decoding, orientation. */
#include "image/decode.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "image/image.h"
#include "image/orientation.h"

static const struct picture_format *const formats[] = {&format_jpeg, &format_png, &format_webp, &format_bmp,
                                                       &format_pnm};

/* Files that people try, and that are none of ours. */
static const struct {
    const char *name;
    size_t offset, length;
    const char *bytes;
} strangers[] = {
    {"a GIF", 0, 4, "GIF8"},
    {"a PDF", 0, 4, "%PDF"},
    {"a PostScript file", 0, 4, "%!PS"},
    {"a TIFF or a camera's raw file", 0, 4, "II*\0"},
    {"a TIFF or a camera's raw file", 0, 4, "MM\0*"},
    {"a HEIC picture", 4, 7, "ftyphei"},
    {"a HEIC picture", 4, 7, "ftyphev"},
    {"a HEIF picture", 4, 8, "ftypmif1"},
    {"a HEIF picture", 4, 8, "ftypmsf1"},
    {"an AVIF picture", 4, 7, "ftypavi"},
    {"a camera's raw file", 4, 7, "ftypcrx"},
    {"a film", 4, 4, "ftyp"},
    {"a film", 0, 4, "\x1a\x45\xdf\xa3"},
    {"a film", 8, 4, "AVI "},
    {"a JPEG 2000 picture", 0, 6, "\0\0\0\x0cjP"},
    {"a JPEG 2000 picture", 0, 4, "\xff\x4f\xff\x51"},
    {"a JPEG XL picture", 0, 2, "\xff\x0a"},
    {"a JPEG XL picture", 0, 8, "\0\0\0\x0cJXL "},
    {"a Photoshop document", 0, 4, "8BPS"},
    {"a GIMP document", 0, 8, "gimp xcf"},
    {"an OpenEXR picture", 0, 4, "\x76\x2f\x31\x01"},
    {"a DirectDraw surface", 0, 4, "DDS "},
    {"a QOI picture", 0, 4, "qoif"},
    {"an icon", 0, 4, "\0\0\1\0"},
    {"an SVG drawing", 0, 4, "<svg"},
    {"an XML file", 0, 5, "<?xml"},
    {"a web page", 0, 9, "<!DOCTYPE"},
    {"a web page", 0, 9, "<!doctype"},
    {"a web page", 0, 5, "<html"},
    {"a zip archive", 0, 4, "PK\3\4"},
    {"a compressed file", 0, 2, "\x1f\x8b"},
    {"a Git LFS pointer", 0, 20, "version https://git-"},
};

void clipseg_image_options_default(clipseg_image_options *options)
{
    *options = (clipseg_image_options){.size = sizeof *options, .max_pixels = 178956970};
}

void clipseg_image_free(clipseg_image *image)
{
    free(image->rgb);
    free(image->alpha);
    *image = (clipseg_image){0};
}

clipseg_status picture_refuse(const struct picture_source *source, const char *what, clipseg_error *error,
                              const char *format, ...)
{
    char text[400];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return error_set(error, CLIPSEG_ERROR_IMAGE, "%s: %s: %s", source->name, what, text);
}

clipseg_status picture_damaged(const struct picture_source *source, const char *what, size_t byte,
                               const char *reason, clipseg_error *error)
{
    char place[48] = "";

    if (byte != UNKNOWN_PLACE)
        snprintf(place, sizeof place, "byte %zu: ", byte);
    return picture_refuse(source, what, error, "%s%s; the file is damaged or cut off, get it again", place,
                          reason);
}

clipseg_status picture_allocate(const struct picture_source *source, const char *what, uint64_t width,
                                uint64_t height, bool with_alpha, clipseg_image *image, clipseg_error *error)
{
    size_t pixels, bytes;

    if (!width || !height)
        return picture_refuse(source, what, error, "has no pixels (%llu x %llu)", (unsigned long long)width,
                              (unsigned long long)height);
    if (height > source->options->max_pixels / width)
        return picture_refuse(source, what, error,
                              "%llu x %llu pixels are more than the limit of %llu; raise it with "
                              "--max-pixels if the file is to be trusted",
                              (unsigned long long)width, (unsigned long long)height,
                              (unsigned long long)source->options->max_pixels);
    if (!size_multiply((size_t)width, (size_t)height, &pixels) || !size_multiply(pixels, 3, &bytes))
        return error_memory(error);
    *image = (clipseg_image){.width = (size_t)width, .height = (size_t)height};
    image->rgb = memory_zeroed(bytes, 1);
    image->alpha = with_alpha ? memory_zeroed(pixels, 1) : NULL;
    if (image->rgb && (image->alpha || !with_alpha))
        return CLIPSEG_OK;
    clipseg_image_free(image);
    return error_memory(error);
}

static clipseg_status refuse_stranger(const struct picture_source *source, clipseg_error *error)
{
    const char *what = NULL;

    for (size_t i = 0; !what && i < sizeof strangers / sizeof *strangers; i++)
        if (source->size >= strangers[i].offset + strangers[i].length &&
            !memcmp(source->data + strangers[i].offset, strangers[i].bytes, strangers[i].length))
            what = strangers[i].name;
    if (!source->size)
        return error_set(error, CLIPSEG_ERROR_IMAGE, "%s: is empty", source->name);
    if (what)
        return error_set(error, CLIPSEG_ERROR_IMAGE, "%s: is %s; convert it to PNG or JPEG", source->name,
                         what);
    return error_set(error, CLIPSEG_ERROR_IMAGE,
                     "%s: is no picture that is read here (JPEG, PNG, WebP, BMP, PNM)", source->name);
}

static const struct picture_format *find_format(const unsigned char *data, size_t size)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (formats[i]->matches(data, size))
            return formats[i];
    return NULL;
}

bool image_recognised(const unsigned char *data, size_t size)
{
    return find_format(data, size) != NULL;
}

clipseg_status clipseg_image_load_memory(clipseg_image *image, const void *data, size_t size,
                                         const char *name, const clipseg_image_options *options,
                                         clipseg_error *error)
{
    clipseg_image_options complete;
    struct picture_source source = {data, size, name, &complete};
    struct picture picture = {.orientation = 1};
    const struct picture_format *format = find_format(data, size);
    clipseg_status status;

    clipseg_image_options_default(&complete);
    if (options)
        memcpy(&complete, options, size_min(options->size, sizeof complete));
    if (!format)
        return refuse_stranger(&source, error);
    status = format->decode(&source, &picture, error);
    if (!status)
        status = orientation_apply(&picture.image, picture.orientation, error);
    if (status)
        clipseg_image_free(&picture.image);
    else
        *image = picture.image;
    return status;
}

clipseg_status clipseg_image_load(clipseg_image *image, const char *path,
                                  const clipseg_image_options *options, clipseg_error *error)
{
    struct file_map map;
    clipseg_status status = file_map_open_as(&map, path, CLIPSEG_ERROR_IMAGE, error);

    if (status)
        return status;
    status = clipseg_image_load_memory(image, map.data, map.size, path, options, error);
    file_map_close(&map);
    return status;
}
