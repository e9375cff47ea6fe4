/* fuzz_png.c: PNG pictures. Checksums are mended after most mutations, or nearly all inputs would end at
 * them. */
#include <string.h>

#include <zlib.h>

#include "tests/fuzz/picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most); /* libFuzzer's */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_format(&format_png, data, size);
    return 0;
}

static size_t read_u32(const uint8_t *p)
{
    return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

/* Chunks: length, type, data, checksum of type and data. */
static void mend_checksums(uint8_t *data, size_t size)
{
    for (size_t at = 8; at + 12 <= size;) {
        size_t length = read_u32(data + at);
        if (length > size - at - 12)
            return;
        unsigned long sum = crc32(0, data + at + 4, (unsigned)length + 4);
        for (size_t i = 0; i < 4; i++)
            data[at + 8 + length + i] = (uint8_t)(sum >> (24 - 8 * i));
        at += length + 12;
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    size = LLVMFuzzerMutate(data, size, most);
    if (seed % 8)
        mend_checksums(data, size);
    return size;
}
