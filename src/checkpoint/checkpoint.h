/* checkpoint.h: the files of a model as one list of named tensors and named texts, whatever the format on
 * disk. */
#ifndef CHECKPOINT_CHECKPOINT_H
#define CHECKPOINT_CHECKPOINT_H

#include <stdbool.h>

#include "base/file.h"
#include "clipseg.h"

#define TENSOR_MAX_RANK 8

enum tensor_type {
    TENSOR_F32,
    TENSOR_F16,
    TENSOR_BF16,
    TENSOR_F64,
    TENSOR_I64,
    TENSOR_I32,
    TENSOR_I16,
    TENSOR_I8,
    TENSOR_U8,
    TENSOR_BOOL
};

struct tensor {
    const char *name; /* owned by the checkpoint */
    enum tensor_type type;
    size_t rank;
    size_t shape[TENSOR_MAX_RANK];
    size_t count;                   /* product of shape; 1 for a scalar */
    bool strided;                   /* false: row-major without gaps, `stride` is not filled in */
    size_t stride[TENSOR_MAX_RANK]; /* elements from one index to the next; torch files only */
    const unsigned char *data;      /* little-endian, not necessarily aligned; inside a mapped file */
    const char *file;               /* the file it lies in, for messages; owned by the checkpoint */
};

struct checkpoint {
    const char *name;       /* the path as the user gave it */
    const char *format;     /* "safetensors", "torch zip", "torch legacy", "gguf", ... */
    uint32_t layout;        /* 0: tensors as they were trained; else packed for the kernels, see gguf.h */
    struct tensor *tensors; /* sorted by name */
    size_t tensor_count;
    clipseg_file *texts; /* (tokenizer.special, .bytes, .merges: tables of a packed file) config.json,
                            preprocessor_config.json, vocab.json, merges.txt, tokenizer.json: those that are
                            there; they point into `maps` or into the caller's memory */
    size_t text_count;
    struct file_map *maps;
    size_t map_count;
    char **strings; /* everything that is named */
    size_t string_count;
};

/* Open a directory or file, judged by its content. Nothing but headers is read. Errors: IO, MODEL, MEMORY. */
clipseg_status checkpoint_open(struct checkpoint *checkpoint, const char *path, clipseg_error *error);

/* An original decoder file (rd64-uni.pth, ...) with the CLIP directory that it was trained on. */
clipseg_status checkpoint_open_original(struct checkpoint *checkpoint, const char *path, const char *clip,
                                        clipseg_error *error);

/* The same from files in memory, which must outlive the checkpoint. */
clipseg_status checkpoint_open_memory(struct checkpoint *checkpoint, const char *name,
                                      const clipseg_file *files, size_t count, clipseg_error *error);

void checkpoint_close(struct checkpoint *checkpoint);

/* NULL when there is none of this name. */
const struct tensor *checkpoint_find(const struct checkpoint *checkpoint, const char *name);
const clipseg_file *checkpoint_text(const struct checkpoint *checkpoint, const char *name);

const char *tensor_type_name(enum tensor_type type); /* "F32", ... as safetensors spells it */
size_t tensor_type_size(enum tensor_type type);      /* bytes */
bool tensor_is_float(const struct tensor *tensor);   /* can tensor_read_f32 read it? */

/* Multiply the shape out, and say how many bytes that is; false when it does not fit into size_t. */
bool tensor_measure(struct tensor *tensor, size_t *bytes);

/* Convert `count` floating-point elements from element `first` (in row-major order) on to float32. Only F32,
 * F16, BF16, F64. */
void tensor_read_f32(const struct tensor *tensor, size_t first, size_t count, float *out);

#endif
