/* zip.c: ZIP archives (APPNOTE 6.3): data descriptors behind the entries, ZIP64 where sizes ask for it, a
 * fixed date, so that the same content gives the same bytes. */
#include "output/zip.h"

#include <string.h>

#include "base/error.h"

#define LARGE 0xffffffffu
#define STREAMED 0x0808        /* flags: sizes come behind the data; names are UTF-8 */
#define DATE ((0 << 9) | 0x21) /* 1980-01-01 */

static void put(struct buffer *b, uint64_t value, size_t bytes)
{
    unsigned char raw[8];

    for (size_t i = 0; i < bytes; i++)
        raw[i] = (unsigned char)(value >> 8 * i);
    buffer_append(b, raw, bytes);
}

static clipseg_status put_bytes(struct zip *zip, const void *data, size_t size, clipseg_error *error)
{
    zip->position += size;
    if (size && fwrite(data, 1, size, zip->stream) != size)
        return error_set(error, CLIPSEG_ERROR_IO, "npz: cannot be written");
    return CLIPSEG_OK;
}

static clipseg_status put_buffer(struct zip *zip, struct buffer *b, clipseg_error *error)
{
    clipseg_status status = b->failed ? error_memory(error) : put_bytes(zip, b->data, b->size, error);

    buffer_free(b);
    return status;
}

void zip_begin(struct zip *zip, FILE *stream, bool compress)
{
    *zip = (struct zip){.stream = stream, .compress = compress};
}

/* Deflate may grow what it cannot shrink, by far less than this. */
static bool is_large(uint64_t size)
{
    return size > 0xf0000000u;
}

clipseg_status zip_open_entry(struct zip *zip, const char *name, uint64_t size, clipseg_error *error)
{
    struct buffer header = {0};
    bool large = is_large(size);

    memset(&zip->entry, 0, sizeof zip->entry);
    snprintf(zip->entry.name, sizeof zip->entry.name, "%s", name);
    zip->entry.offset = zip->position;
    zip->entry.size = size;
    if (zip->compress) {
        memset(&zip->deflate, 0, sizeof zip->deflate);
        if (deflateInit2(&zip->deflate, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
            return error_memory(error);
        zip->deflating = true;
    }
    put(&header, 0x04034b50, 4);
    put(&header, large ? 45 : 20, 2);
    put(&header, STREAMED, 2);
    put(&header, zip->compress ? 8 : 0, 2);
    put(&header, 0, 2);
    put(&header, DATE, 2);
    put(&header, 0, 4); /* CRC, later */
    put(&header, large ? LARGE : 0, 4);
    put(&header, large ? LARGE : 0, 4);
    put(&header, strlen(zip->entry.name), 2);
    put(&header, large ? 20 : 0, 2);
    buffer_text(&header, zip->entry.name);
    if (large) {
        put(&header, 1, 2);
        put(&header, 16, 2);
        put(&header, 0, 8);
        put(&header, 0, 8);
    }
    return put_buffer(zip, &header, error);
}

/* What deflate has to say now; flush: Z_FINISH at the end. */
static clipseg_status pump(struct zip *zip, int flush, clipseg_error *error)
{
    unsigned char out[1 << 15];
    clipseg_status status = CLIPSEG_OK;

    do {
        zip->deflate.next_out = out;
        zip->deflate.avail_out = sizeof out;
        deflate(&zip->deflate, flush);
        size_t size = sizeof out - zip->deflate.avail_out;
        zip->entry.packed += size;
        status = put_bytes(zip, out, size, error);
    } while (!status && zip->deflate.avail_out == 0);
    return status;
}

clipseg_status zip_write(struct zip *zip, const void *data, size_t size, clipseg_error *error)
{
    const unsigned char *bytes = data;
    clipseg_status status = CLIPSEG_OK;

    while (!status && size) { /* zlib counts in 32 bits */
        size_t piece = size < 1 << 30 ? size : 1 << 30;
        zip->entry.crc = (uint32_t)crc32(zip->entry.crc, bytes, (uInt)piece);
        if (zip->compress) {
            zip->deflate.next_in = (Bytef *)(uintptr_t)bytes;
            zip->deflate.avail_in = (uInt)piece;
            status = pump(zip, Z_NO_FLUSH, error);
        } else {
            zip->entry.packed += piece;
            status = put_bytes(zip, bytes, piece, error);
        }
        bytes += piece;
        size -= piece;
    }
    return status;
}

static void put_directory_entry(struct zip *zip)
{
    struct buffer *b = &zip->directory;
    bool large = is_large(zip->entry.size), far = zip->entry.offset >= LARGE;
    size_t extra = (large ? 16 : 0) + (far ? 8 : 0);

    put(b, 0x02014b50, 4);
    put(b, large || far ? 45 : 20, 2);
    put(b, large || far ? 45 : 20, 2);
    put(b, STREAMED, 2);
    put(b, zip->compress ? 8 : 0, 2);
    put(b, 0, 2);
    put(b, DATE, 2);
    put(b, zip->entry.crc, 4);
    put(b, large ? LARGE : zip->entry.packed, 4);
    put(b, large ? LARGE : zip->entry.size, 4);
    put(b, strlen(zip->entry.name), 2);
    put(b, extra ? extra + 4 : 0, 2);
    put(b, 0, 2 + 2 + 2); /* comment, disk, inner attributes */
    put(b, 0, 4);         /* outer attributes */
    put(b, far ? LARGE : zip->entry.offset, 4);
    buffer_text(b, zip->entry.name);
    if (extra) {
        put(b, 1, 2);
        put(b, extra, 2);
    }
    if (large) {
        put(b, zip->entry.size, 8);
        put(b, zip->entry.packed, 8);
    }
    if (far)
        put(b, zip->entry.offset, 8);
    zip->entries++;
}

clipseg_status zip_close_entry(struct zip *zip, clipseg_error *error)
{
    struct buffer descriptor = {0};
    size_t bytes = is_large(zip->entry.size) ? 8 : 4;
    clipseg_status status = zip->compress ? pump(zip, Z_FINISH, error) : CLIPSEG_OK;

    if (zip->deflating)
        deflateEnd(&zip->deflate);
    zip->deflating = false;
    put(&descriptor, 0x08074b50, 4);
    put(&descriptor, zip->entry.crc, 4);
    put(&descriptor, zip->entry.packed, bytes);
    put(&descriptor, zip->entry.size, bytes);
    put_directory_entry(zip);
    if (!status)
        return put_buffer(zip, &descriptor, error);
    buffer_free(&descriptor);
    return status;
}

clipseg_status zip_end(struct zip *zip, clipseg_error *error)
{
    struct buffer *b = &zip->directory;
    uint64_t start = zip->position, size = b->size;
    bool far = start >= LARGE;

    if (far) { /* ZIP64: the record and where it is */
        put(b, 0x06064b50, 4);
        put(b, 44, 8);
        put(b, 45, 2);
        put(b, 45, 2);
        put(b, 0, 8);
        put(b, zip->entries, 8);
        put(b, zip->entries, 8);
        put(b, size, 8);
        put(b, start, 8);
        put(b, 0x07064b50, 4);
        put(b, 0, 4);
        put(b, start + size, 8);
        put(b, 1, 4);
    }
    put(b, 0x06054b50, 4);
    put(b, 0, 4);
    put(b, zip->entries, 2);
    put(b, zip->entries, 2);
    put(b, size, 4);
    put(b, far ? LARGE : start, 4);
    put(b, 0, 2);
    return put_buffer(zip, b, error);
}

void zip_release(struct zip *zip)
{
    if (zip->deflating)
        deflateEnd(&zip->deflate);
    buffer_free(&zip->directory);
    zip->deflating = false;
}
