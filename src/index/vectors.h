/* vectors.h: the flat file of an index: vectors of length 1, as bytes for the scan and as floats for exact
 * comparison.
 *
 *     page of 4096 bytes: magic, version, dimension, identity
 *     blocks of VECTORS_BLOCK slots, each: [slots] struct vector_slot, [slots][stride] bytes,
 * [slots][dimension] floats
 *
 * A slot with id 0 is empty. Which picture an id stands for is in the database beside the file; a slot counts
 * only when the database names it with the same id, so that writing a slot before its row is committed, and
 * clearing it after its row is gone, is safe at every point. Numbers are little-endian. */
#ifndef INDEX_VECTORS_H
#define INDEX_VECTORS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/file.h"

#define VECTORS_BLOCK 1024
#define VECTORS_MOST_DIMENSIONS 16384

/* What is known of a vector x besides its bytes q: x is about scale * q. */
struct vector_slot {
    uint64_t id; /* 0: empty */
    float scale;
    float length; /* |scale * q|, rounded up */
    float error;  /* |x - scale * q|, rounded up */
    uint32_t unused;
};

/* The file, mapped for reading. */
struct vectors {
    const unsigned char *data;
    size_t size;
    size_t dimension, stride; /* floats of a vector, and its bytes padded with zeros to whole cache lines */
    size_t blocks, block_bytes;
    uint64_t identity; /* as in the database */
    struct file_map map;
};

/* The same file, open for changes, and closed to every other writer. */
struct vectors_writer {
    int descriptor; /* -1: none */
    char *path;
    size_t dimension, blocks;
    uint64_t identity;
    unsigned char *record; /* scratch for one vector's bytes */
};

static inline size_t vectors_stride(size_t dimension)
{
    return (dimension + 63) / 64 * 64;
}

static inline size_t vectors_block_bytes(size_t dimension)
{
    return VECTORS_BLOCK *
           (sizeof(struct vector_slot) + vectors_stride(dimension) + dimension * sizeof(float));
}

static inline const struct vector_slot *vectors_slots(const struct vectors *v, size_t block)
{
    return (const struct vector_slot *)(const void *)(v->data + 4096 + block * v->block_bytes);
}

static inline const int8_t *vectors_bytes(const struct vectors *v, size_t block)
{
    return (const int8_t *)(vectors_slots(v, block) + VECTORS_BLOCK);
}

/* The exact vector of a slot: [dimension] */
static inline const float *vectors_floats(const struct vectors *v, size_t slot)
{
    const int8_t *behind = vectors_bytes(v, slot / VECTORS_BLOCK) + VECTORS_BLOCK * v->stride;

    return (const float *)(const void *)behind + slot % VECTORS_BLOCK * v->dimension;
}

/* Bytes for a vector: bytes [stride]; returns what goes into its slot, with id 0. Values must be finite. */
struct vector_slot vector_quantize(const float *x, size_t dimension, int8_t *bytes);

/* ---- reading */

/* Errors: IO (missing, damaged), MEMORY. */
clipseg_status vectors_open(struct vectors *vectors, const char *path, clipseg_error *error);

/* The same from memory that starts at a page, which must outlive the vectors. */
clipseg_status vectors_read(struct vectors *vectors, const void *data, size_t size, const char *name,
                            clipseg_error *error);

void vectors_close(struct vectors *vectors);

/* ---- writing */

/* The first page of a file, for one that is made in memory. page: 4096 zeros */
void vectors_format(void *page, size_t dimension, uint64_t identity);

/* Open for changes; a file that does not exist, or is empty, is made with this dimension and identity.
 * Errors: IO (somebody else is writing, damaged, another dimension), MEMORY. */
clipseg_status vectors_write_open(struct vectors_writer *writer, const char *path, size_t dimension,
                                  uint64_t identity, clipseg_error *error);

/* Fill a slot, growing the file as needed. x: [dimension], of length 1. Errors: IO. */
clipseg_status vectors_write(struct vectors_writer *writer, size_t slot, uint64_t id, const float *x,
                             clipseg_error *error);
clipseg_status vectors_clear(struct vectors_writer *writer, size_t slot, clipseg_error *error);

/* Until here everything survives a power failure. Errors: IO. */
clipseg_status vectors_sync(struct vectors_writer *writer, clipseg_error *error);

void vectors_write_close(struct vectors_writer *writer);

#endif
