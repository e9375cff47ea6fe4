/* fuzz_text.c: splitting any text into pieces. */
#include "text/pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static clipseg_status count_bytes(void *context, const char *piece, size_t length)
{
    (void)piece;
    *(size_t *)context += length;
    return CLIPSEG_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t bytes = 0;
    clipseg_error error;

    if (pieces_split((const char *)data, size, count_bytes, &bytes, &error))
        return 0;
    return 0;
}
