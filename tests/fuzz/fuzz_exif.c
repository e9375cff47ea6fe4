/* fuzz_exif.c: EXIF's orientation. */
#include <stdlib.h>

#include "image/orientation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int orientation = orientation_from_exif(data, size);

    if (orientation < 0 || orientation > 9)
        abort();
    return 0;
}
