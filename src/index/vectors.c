/* vectors.c: quantising vectors, and the flat file that holds them. */
#include "index/vectors.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"

#define MAGIC "CLIPVEC\n"
#define VERSION 1
#define PAGE 4096

struct header {
    char magic[8];
    uint32_t version, dimension;
    uint64_t identity;
};

/* ---- quantising */

/* A float that is certainly not below x. */
static float round_up_float(double x)
{
    return nextafterf((float)x, INFINITY);
}

struct vector_slot vector_quantize(const float *x, size_t dimension, int8_t *bytes)
{
    struct vector_slot slot = {0};
    double largest = 0.0, length = 0.0, error = 0.0;

    for (size_t i = 0; i < dimension; i++)
        largest = fmax(largest, fabs((double)x[i]));
    slot.scale = (float)(largest / 127.0);
    memset(bytes, 0, vectors_stride(dimension));
    for (size_t i = 0; i < dimension; i++) {
        double scale = (double)slot.scale, q = scale > 0.0 ? rint((double)x[i] / scale) : 0.0;
        q = fmin(fmax(q, -127.0), 127.0);
        bytes[i] = (int8_t)q;
        length += scale * q * (scale * q);
        error += ((double)x[i] - scale * q) * ((double)x[i] - scale * q);
    }
    slot.length = round_up_float(sqrt(length));
    slot.error = round_up_float(sqrt(error));
    return slot;
}

/* ---- reading */

static clipseg_status check_header(const struct header *header, const char *name, clipseg_error *error)
{
    if (memcmp(header->magic, MAGIC, sizeof header->magic) != 0)
        return error_set(error, CLIPSEG_ERROR_IO,
                         "%s: holds no vectors of clipseg index; remove it and run clipseg index again",
                         name);
    if (header->version != VERSION)
        return error_set(
            error, CLIPSEG_ERROR_IO,
            "%s: written by another version of clipseg (format %u, want %d); build the index anew", name,
            header->version, VERSION);
    if (!header->dimension || header->dimension > VECTORS_MOST_DIMENSIONS)
        return error_set(error, CLIPSEG_ERROR_IO, "%s: damaged: vectors of %u numbers", name,
                         header->dimension);
    return CLIPSEG_OK;
}

clipseg_status vectors_read(struct vectors *vectors, const void *data, size_t size, const char *name,
                            clipseg_error *error)
{
    struct header header = {0};
    clipseg_status status;

    if (size < PAGE)
        return error_set(error, CLIPSEG_ERROR_IO, "%s: cut off; run clipseg index again", name);
    memcpy(&header, data, sizeof header);
    if ((status = check_header(&header, name, error)) != CLIPSEG_OK)
        return status;
    *vectors = (struct vectors){.data = data,
                                .size = size,
                                .dimension = header.dimension,
                                .stride = vectors_stride(header.dimension),
                                .block_bytes = vectors_block_bytes(header.dimension),
                                .identity = header.identity};
    vectors->blocks = (size - PAGE) / vectors->block_bytes;
    return CLIPSEG_OK;
}

clipseg_status vectors_open(struct vectors *vectors, const char *path, clipseg_error *error)
{
    struct file_map map;
    clipseg_status status = file_map_open(&map, path, error);

    if (status)
        return status;
    status = vectors_read(vectors, map.data, map.size, path, error);
    if (status)
        file_map_close(&map);
    else
        vectors->map = map;
    return status;
}

void vectors_close(struct vectors *vectors)
{
    if (vectors->map.data)
        file_map_close(&vectors->map);
    *vectors = (struct vectors){0};
}

/* ---- writing */

static clipseg_status failed(const struct vectors_writer *writer, clipseg_error *error)
{
    return error_set(error, CLIPSEG_ERROR_IO, "%s: cannot be written: %s", writer->path,
                     strerror(errno ? errno : ENOSPC));
}

static clipseg_status write_at(const struct vectors_writer *writer, const void *data, size_t size,
                               size_t place, clipseg_error *error)
{
    const char *from = data;

    while (size) {
        errno = 0;
        ssize_t written = pwrite(writer->descriptor, from, size, (off_t)place);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return failed(writer, error);
        from += written;
        place += (size_t)written;
        size -= (size_t)written;
    }
    return CLIPSEG_OK;
}

void vectors_format(void *page, size_t dimension, uint64_t identity)
{
    const struct header header = {
        .magic = MAGIC, .version = VERSION, .dimension = (uint32_t)dimension, .identity = identity};

    memcpy(page, &header, sizeof header);
}

static clipseg_status start_file(struct vectors_writer *writer, clipseg_error *error)
{
    struct header header;

    vectors_format(&header, writer->dimension, writer->identity);
    if (ftruncate(writer->descriptor, PAGE))
        return failed(writer, error);
    return write_at(writer, &header, sizeof header, 0, error);
}

static clipseg_status read_file(struct vectors_writer *writer, size_t size, clipseg_error *error)
{
    struct header header;
    clipseg_status status;

    if (pread(writer->descriptor, &header, sizeof header, 0) != sizeof header)
        return failed(writer, error);
    if ((status = check_header(&header, writer->path, error)) != CLIPSEG_OK)
        return status;
    if (header.dimension != writer->dimension || header.identity != writer->identity)
        return error_set(
            error, CLIPSEG_ERROR_IO,
            "%s: does not belong to the database beside it; remove both and build the index anew",
            writer->path);
    if (size < PAGE) /* cut off: what it held is computed again */
        return start_file(writer, error);
    size_t whole = vectors_block_bytes(writer->dimension), rest = (size - PAGE) % whole;
    writer->blocks = (size - PAGE) / whole;
    return rest && ftruncate(writer->descriptor, (off_t)(size - rest)) ? failed(writer, error) : CLIPSEG_OK;
}

static clipseg_status open_file(struct vectors_writer *writer, clipseg_error *error)
{
    struct stat info;
    struct header header = {0};

    writer->descriptor = open(writer->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
    if (writer->descriptor < 0 || fstat(writer->descriptor, &info))
        return failed(writer, error);
    if (!S_ISREG(info.st_mode))
        return error_set(error, CLIPSEG_ERROR_IO, "%s: is not a file", writer->path);
    if (flock(writer->descriptor, LOCK_EX | LOCK_NB))
        return error_set(error, CLIPSEG_ERROR_IO,
                         "%s: another clipseg index is writing it; wait for it to end", writer->path);
    /* Killed between making the file and writing its header: begin again. */
    if ((size_t)info.st_size <= PAGE &&
        (pread(writer->descriptor, &header, sizeof header, 0) < (ssize_t)sizeof header || !header.version))
        return start_file(writer, error);
    return read_file(writer, (size_t)info.st_size, error);
}

clipseg_status vectors_write_open(struct vectors_writer *writer, const char *path, size_t dimension,
                                  uint64_t identity, clipseg_error *error)
{
    *writer = (struct vectors_writer){.descriptor = -1,
                                      .path = memory_string(path, strlen(path)),
                                      .dimension = dimension,
                                      .identity = identity,
                                      .record = memory_zeroed(vectors_stride(dimension), 1)};
    clipseg_status status = writer->path && writer->record ? open_file(writer, error) : error_memory(error);
    if (status)
        vectors_write_close(writer);
    return status;
}

/* Where the parts of a slot lie. */
struct place {
    size_t slot, bytes, floats;
};

static struct place find_place(const struct vectors_writer *writer, size_t slot)
{
    size_t stride = vectors_stride(writer->dimension), number = slot % VECTORS_BLOCK;
    size_t block = PAGE + slot / VECTORS_BLOCK * vectors_block_bytes(writer->dimension);
    size_t bytes = block + VECTORS_BLOCK * sizeof(struct vector_slot),
           floats = bytes + VECTORS_BLOCK * stride;

    return (struct place){block + number * sizeof(struct vector_slot), bytes + number * stride,
                          floats + number * writer->dimension * sizeof(float)};
}

/* New blocks are holes until their slots are written, and read as empty. */
static clipseg_status grow(struct vectors_writer *writer, size_t slot, clipseg_error *error)
{
    size_t blocks = slot / VECTORS_BLOCK + 1;

    if (blocks <= writer->blocks)
        return CLIPSEG_OK;
    if (ftruncate(writer->descriptor, (off_t)(PAGE + blocks * vectors_block_bytes(writer->dimension))))
        return failed(writer, error);
    writer->blocks = blocks;
    return CLIPSEG_OK;
}

clipseg_status vectors_write(struct vectors_writer *writer, size_t slot, uint64_t id, const float *x,
                             clipseg_error *error)
{
    struct vector_slot values = vector_quantize(x, writer->dimension, (int8_t *)writer->record);
    struct place place = find_place(writer, slot);
    clipseg_status status;

    values.id = id;
    if ((status = grow(writer, slot, error)) != CLIPSEG_OK ||
        (status = write_at(writer, x, writer->dimension * sizeof *x, place.floats, error)) != CLIPSEG_OK ||
        (status = write_at(writer, writer->record, vectors_stride(writer->dimension), place.bytes, error)) !=
            CLIPSEG_OK)
        return status;
    return write_at(writer, &values, sizeof values, place.slot, error);
}

clipseg_status vectors_clear(struct vectors_writer *writer, size_t slot, clipseg_error *error)
{
    const struct vector_slot empty = {0};

    if (slot / VECTORS_BLOCK >= writer->blocks)
        return CLIPSEG_OK;
    return write_at(writer, &empty, sizeof empty, find_place(writer, slot).slot, error);
}

clipseg_status vectors_sync(struct vectors_writer *writer, clipseg_error *error)
{
    errno = 0;
    return fdatasync(writer->descriptor) ? failed(writer, error) : CLIPSEG_OK;
}

void vectors_write_close(struct vectors_writer *writer)
{
    if (writer->descriptor >= 0 && writer->path)
        close(writer->descriptor);
    free(writer->path);
    free(writer->record);
    *writer = (struct vectors_writer){.descriptor = -1};
}
