/* fuzz_zip.c: the directory of a zip archive. */
#include "checkpoint/zip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct zip zip;
    clipseg_error error;
    volatile unsigned sum = 0;

    if (zip_open(&zip, "input", data, size, &error))
        return 0;
    for (size_t i = 0; i < zip.count; i++) {
        const struct zip_member *member = &zip.members[i];
        if (zip_find(&zip, member->name, member->length) != member)
            __builtin_trap();
        for (size_t k = 0; k < member->length; k++)
            sum += (unsigned char)member->name[k];
        for (size_t k = 0; k < member->size; k++)
            sum += member->data[k];
    }
    zip_close(&zip);
    return 0;
}
