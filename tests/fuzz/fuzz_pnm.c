/* fuzz_pnm.c: PBM, PGM, PPM and PAM pictures. */
#include "tests/fuzz/picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_format(&format_pnm, data, size);
    return 0;
}
