/* gguf.h: a whole model in one file (GGUF version 3): texts, tables and tensors that the kernels use in
 * place.
 *
 * What is stored is said in docs/packed-files.md. */
#ifndef CHECKPOINT_GGUF_H
#define CHECKPOINT_GGUF_H

#include <stdio.h>

#include "base/buffer.h"
#include "checkpoint/checkpoint.h"

/* How the tensors of a packed file are arranged; a file of another layout is refused. */
#define GGUF_LAYOUT 1
#define GGUF_ALIGNMENT 64
/* general.file_type of a file with matrices of bytes or words: the number of that tensor type */
#define GGUF_FILE_INT8 24
#define GGUF_FILE_INT16 25

/* ---- gguf.c */

/* Check the whole header and fill in tensors and texts; `file` must outlive the checkpoint and names the file
 * in messages; data stays where it is. Errors: MODEL, MEMORY. */
clipseg_status gguf_read(struct checkpoint *checkpoint, const char *file, const unsigned char *data,
                         size_t size, clipseg_error *error);

/* ---- gguf_write.c: first all keys and tensors are named, then the header is written, then every tensor's
 * bytes in that order, each followed by gguf_write_padding. */

struct gguf_header {
    struct buffer keys, tensors;
    uint64_t key_count, tensor_count;
    size_t offset; /* where the next tensor will lie in the data */
};

void gguf_add_number(struct gguf_header *header, const char *key, uint32_t value);
void gguf_add_text(struct gguf_header *header, const char *key, const void *text, size_t size);
void gguf_add_integers(struct gguf_header *header, const char *key, const int32_t *values, size_t count);
/* shape: row-major, at most 4 sizes. Only F32, F16, I8 and I32. */
void gguf_add_tensor(struct gguf_header *header, const char *name, enum tensor_type type, size_t rank,
                     const size_t *shape);
/* false: memory ran out while the header was put together. Errors of the stream stay in the stream. */
bool gguf_write_header(const struct gguf_header *header, FILE *stream);
void gguf_write_padding(size_t written, FILE *stream);
void gguf_header_free(struct gguf_header *header);

#endif
