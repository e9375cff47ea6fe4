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
};

struct pack_job {
    enum pack_form form;
    struct tensor tensor;
    size_t out, in;
    size_t first_row; /* where the rows of this tensor begin in the packed matrix (queries, keys, values) */
    float scale;      /* every element times this */
    float *packed;    /* the whole packed matrix, or the destination of a copy */
};

struct packer {
    const struct checkpoint *checkpoint;
    const char *prefix;  /* before every name: "clip." in a CLIPSeg checkpoint, "" in a CLIP one */
    struct arena *arena; /* planning while its block is NULL */
    struct pack_job *jobs;
    size_t count, capacity;
    clipseg_status status; /* of the first thing that went wrong; everything after it does nothing */
    clipseg_error *error;
};

/* Find a tensor and compare its shape; NULL and packer->status set when missing or different. */
const struct tensor *packer_tensor(struct packer *packer, const char *name, size_t rank, const size_t *shape);

/* name: a printf format's result, see packer_name. All remember a job and return its destination (NULL when
 * planning). */
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
void pack_scan(struct packer *packer, const struct tensor *tensor);

/* Run all jobs. Errors: MODEL (NaN or infinity), MEMORY. */
clipseg_status packer_run(struct packer *packer, const struct kernels *kernels, struct pool *pool,
                          clipseg_error *error);

void packer_free(struct packer *packer);

#endif
