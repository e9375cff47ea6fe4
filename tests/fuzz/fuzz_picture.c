/* fuzz_picture.c: every picture format, EXIF and XMP with them, recognised by content. */
#include "clipseg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    clipseg_image image = {0};
    clipseg_image_options options;
    clipseg_error error;

    clipseg_image_options_default(&options);
    options.max_pixels = 1 << 18;
    options.keep_alpha = size & 1;
    if (!clipseg_image_load_memory(&image, data, size, "input", &options, &error))
        clipseg_image_free(&image);
    return 0;
}
