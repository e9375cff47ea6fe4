/* pack.h: jobs that bring tensors into the kernels' form: first collected, then run by all threads. */
#ifndef MODEL_PACK_H
#define MODEL_PACK_H

#include "base/arena.h"
#include "checkpoint/checkpoint.h"
#include "nn/nn.h"

/* How a tensor's elements lie, seen as a matrix [out, in] for packing. */
enum pack_form {
    PACK_COPY,        /* no matrix: plain float32, any shape */
    PACK_SCAN,        /* not copied at all, only looked at for NaN and infinities */
    PACK_LINEAR,      /* [out, in] */
    PACK_CONVOLUTION, /* [out, channels, 3, 3] -> in = [ky][kx][channel] */
    PACK_TRANSPOSED,  /* [in, channels, kernel, kernel] -> out = [ky][kx][channel] */
    PACK_BYTES,       /* as it lies, whatever its type */
};

struct pack_job {
    enum pack_form form;
    struct tensor tensor;
    size_t out, in;
    size_t first_row; /* where the rows of this tensor begin in the packed matrix (queries, keys, values) */
    float scale;      /* every element times this */
    bool half;        /* rounded to half precision before that */
    void *packed;     /* the whole packed matrix of float, or the destination of a copy */
};

/* One tensor of a packed file: what convert.c writes, pack.c has placed. */
struct piece {
    char name[256];
    size_t rank, shape[3];
    bool matrix;           /* panels [ceil(out / PANEL), in, PANEL] */
    enum tensor_type type; /* in the file */
    bool half;             /* rounded to half precision, whatever its type */
    const float *data;     /* NULL: read it from `tensor` */
    struct tensor tensor;  /* [rows, columns] or one number */
    size_t scaled;         /* of a matrix: the first so many outputs have been ... */
    float scale;           /* ... multiplied by this, which a file in half precision leaves to its reader */
};

/* In files of bytes the first layers of the image tower are words: their errors pass through all others, and
 * together they would cost a quarter of the accuracy. */
#define WORD_LAYERS 2

/* Of a packed file or one of its matrices: bytes or words? */
static inline bool type_is_integers(enum tensor_type type)
{
    return type == TENSOR_I8 || type == TENSOR_I16;
}

/* How a matrix of integers lies in a file. */
struct integer_shape {
    size_t rows;      /* of its scales, and of the sums of bytes */
    size_t panels[3]; /* of the matrix itself */
};

struct integer_shape integer_shape(enum tensor_type type, size_t panels, size_t in);

/* What a packed file will hold, collected while the weights are packed. */
struct pieces {
    struct piece *list;
    size_t count, capacity;
    enum tensor_type type; /* of the file: F32, F16, I16 or I8 */
};

struct packer {
    const struct checkpoint *checkpoint;
    const char *prefix;  /* before every name: "clip." in a CLIPSeg checkpoint, "" in a CLIP one */
    struct arena *arena; /* planning while its block is NULL */
    struct pack_job *jobs;
    size_t count, capacity;
    struct pieces *pieces; /* NULL unless a packed file is being made */
    size_t longest_half;   /* the most inputs of a matrix in half precision; 0: there is none */
    size_t integer_size;   /* bytes of the widest element of a matrix of integers; 0: there is none */
    clipseg_status status; /* of the first thing that went wrong; everything after it does nothing */
    clipseg_error *error;
};

/* Find a tensor and compare its shape; NULL and packer->status set when missing or different. */
const struct tensor *packer_tensor(struct packer *packer, const char *name, size_t rank, const size_t *shape);

/* All remember a job and return its destination (NULL when planning). In a packed file they find the ready
 * piece instead and return where it lies. */
float pack_scalar(struct packer *packer, const char *name);
const float *pack_vector(struct packer *packer, const char *name, size_t size, float scale);
const float *pack_table(struct packer *packer, const char *name, size_t rows, size_t columns);
struct layer_norm pack_layer_norm(struct packer *packer, const char *name, size_t size, float epsilon);
/* NAME.weight and, when has_bias, NAME.bias. */
struct linear pack_linear(struct packer *packer, const char *name, size_t in, size_t out, bool has_bias);
/* Three layers of hidden -> hidden side by side; the first one's weight and bias times `scale`. */
struct linear pack_qkv(struct packer *packer, const char *name, size_t hidden, float scale);
struct linear pack_convolution(struct packer *packer, const char *name, size_t in, size_t out);
/* The bias is repeated for every place of the kernel. */
struct linear pack_transposed(struct packer *packer, const char *name, size_t in, size_t channels,
                              size_t kernel);
/* The patch embedding: [hidden, 3, patch, patch] without bias is a matrix as it lies. */
struct linear pack_patches(struct packer *packer, const char *name, size_t patch, size_t hidden);
/* A table that stays where it lies and is read row by row. */
struct tensor pack_rows_in_place(struct packer *packer, const char *name, size_t rows, size_t columns);

void packer_add_job(struct packer *packer, struct pack_job job);

/* ---- pack_file.c: pieces of a packed file. name: in full. */

bool packed_is_file(const struct packer *packer);
const float *packed_find_vector(struct packer *packer, const char *name, size_t rank, const size_t *shape);
/* Fills in linear->weight, half or integers for linear->out and linear->in. The first `scaled` outputs are to
 * be multiplied by `scale` if the file leaves that to its reader. */
void packed_find_matrix(struct packer *packer, const char *name, size_t scaled, float scale,
                        struct linear *linear);
void packed_note(struct packer *packer, const char *name, size_t rank, const size_t *shape, bool matrix,
                 const float *data, const struct tensor *tensor);
/* The matrix noted last has its first outputs multiplied already. */
void packed_note_scale(struct packer *packer, size_t scaled, float scale);
/* Is this tensor rounded to half precision? name: with or without prefix. */
bool packed_rounds(const struct packer *packer, const char *name, bool matrix);
void pieces_free(struct pieces *pieces);

/* Run all jobs. Errors: MODEL (NaN or infinity), MEMORY. */
clipseg_status packer_run(struct packer *packer, const struct kernels *kernels, struct pool *pool,
                          clipseg_error *error);

void packer_free(struct packer *packer);

#endif
