/* orientation.h: how a picture has to be turned, from EXIF or XMP, and turning it. */
#ifndef IMAGE_ORIENTATION_H
#define IMAGE_ORIENTATION_H

#include "clipseg.h"

/* The orientation (1..8) that a TIFF block says (what follows "Exif\0\0"); 0 when it says none. Broken blocks
 * say none. */
int orientation_from_exif(const unsigned char *data, size_t size);

/* The same from XMP: tiff:Orientation="N" or <tiff:Orientation>N. */
int orientation_from_xmp(const unsigned char *data, size_t size);

/* The same from a text "Raw profile type exif" as ImageMagick writes it into PNG: three lines, then the block
 * in hexadecimal digits. */
int orientation_from_raw_profile(const char *text, size_t length);

/* Turn and mirror so that the picture is upright (PIL.ImageOps.exif_transpose). Values other than 2..8 do
 * nothing. Errors: MEMORY. */
clipseg_status orientation_apply(clipseg_image *image, int orientation, clipseg_error *error);

#endif
