/* zip.h: writing ZIP archives as a stream, entry after entry. */
#ifndef OUTPUT_ZIP_H
#define OUTPUT_ZIP_H

#include <stdbool.h>
#include <stdio.h>
#include <zlib.h>

#include "base/buffer.h"
#include "clipseg.h"

struct zip {
    FILE *stream;
    uint64_t position; /* bytes written so far */
    bool compress;
    struct buffer directory; /* the central directory so far */
    uint64_t entries;
    struct {
        char name[64];
        uint64_t offset, size, packed; /* bytes: where it begins, plain, in the archive */
        uint32_t crc;
    } entry; /* the one that is open */
    z_stream deflate;
    bool deflating;
};

/* compress: deflate, else stored. */
void zip_begin(struct zip *zip, FILE *stream, bool compress);

/* An entry of exactly `size` bytes, which zip_write gives piece by piece. Errors: IO, MEMORY. */
clipseg_status zip_open_entry(struct zip *zip, const char *name, uint64_t size, clipseg_error *error);
clipseg_status zip_write(struct zip *zip, const void *data, size_t size, clipseg_error *error);
clipseg_status zip_close_entry(struct zip *zip, clipseg_error *error);

/* The central directory. Errors: IO, MEMORY. */
clipseg_status zip_end(struct zip *zip, clipseg_error *error);

/* In any case, at the end. */
void zip_release(struct zip *zip);

#endif
