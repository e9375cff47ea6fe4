/* picture.h: one picture format as a fuzz target, without the search for the format. */
#ifndef FUZZ_PICTURE_H
#define FUZZ_PICTURE_H

#include "image/decode.h"

static inline void fuzz_format(const struct picture_format *format, const uint8_t *data, size_t size)
{
    clipseg_image_options options;
    struct picture_source source = {data, size, "input", &options};
    struct picture picture = {.orientation = 1};
    clipseg_error error;

    clipseg_image_options_default(&options);
    options.max_pixels = 1 << 14; /* larger pictures take longer and show nothing new */
    options.keep_alpha = (int)(size & 1);
    if (!format->matches(data, size) || format->decode(&source, &picture, &error)) {
        clipseg_image_free(&picture.image);
        return;
    }
    volatile unsigned sum = 0; /* every pixel was written */
    for (size_t i = 0; i < picture.image.width * picture.image.height * 3; i++)
        sum += picture.image.rgb[i];
    clipseg_image_free(&picture.image);
}

#endif
