/* decode.h: the table of picture formats: each recognises its files by content and decodes them from memory.
 */
#ifndef IMAGE_DECODE_H
#define IMAGE_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#include "clipseg.h"

struct picture_source {
    const unsigned char *data;
    size_t size;
    const char *name; /* for messages */
    const clipseg_image_options *options;
};

/* What a decoder found: the picture as stored, and how it has to be turned. */
struct picture {
    clipseg_image image;
    int orientation; /* EXIF's 1..8; 1: as it is */
};

struct picture_format {
    const char *name;
    bool (*matches)(const unsigned char *data, size_t size);
    clipseg_status (*decode)(const struct picture_source *source, struct picture *picture,
                             clipseg_error *error);
};

extern const struct picture_format format_jpeg, format_png, format_webp, format_bmp, format_pnm;

/* Check the size against the limit, then allocate rgb (and alpha when wanted), zeroed: large blocks cost
 * nothing until they are written, and a damaged picture never shows old memory. what: the format's name. */
clipseg_status picture_allocate(const struct picture_source *source, const char *what, uint64_t width,
                                uint64_t height, bool with_alpha, clipseg_image *image, clipseg_error *error);

/* A picture that is whole but of a kind that is not read: the message says what to do. */
__attribute__((format(printf, 4, 5))) clipseg_status picture_refuse(const struct picture_source *source,
                                                                    const char *what, clipseg_error *error,
                                                                    const char *format, ...);

/* A picture that is broken at `byte` (UNKNOWN_PLACE: somewhere). */
#define UNKNOWN_PLACE SIZE_MAX
clipseg_status picture_damaged(const struct picture_source *source, const char *what, size_t byte,
                               const char *reason, clipseg_error *error);

#endif
