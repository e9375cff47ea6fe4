/* nn.h: the layers of a transformer: shapes and threads, no instruction sets and no names of checkpoints.
 *
 * Matrices are row-major float32: one row per token, one column per feature, with a stride in elements.
 * Nothing here allocates: scratch memory comes from the caller, its size from the *_scratch functions. */
#ifndef NN_NN_H
#define NN_NN_H

#include "base/arena.h"
#include "base/pool.h"
#include "kernels/kernels.h"

/* ---- stages.c: where the time goes */

enum stage {
    STAGE_OTHER,
    STAGE_PREPROCESS,
    STAGE_PATCHES,
    STAGE_NORM,
    STAGE_QKV,
    STAGE_ATTENTION,
    STAGE_PROJECTION,
    STAGE_FC1,
    STAGE_FC2,
    STAGE_TEXT,
    STAGE_REDUCE,
    STAGE_DECODER,
    STAGE_HEAD,
    STAGE_ENLARGE,
    STAGE_COUNT
};

struct stages {
    double seconds[STAGE_COUNT];
    double flops[STAGE_COUNT]; /* floating-point operations of the matrix products */
    enum stage current;
    enum stage group; /* while not STAGE_OTHER, everything counts for this stage (text, decoder) */
    double since;     /* monotonic seconds at which `current` began */
};

const char *stage_name(enum stage stage);

/* Time from now on belongs to `stage`; until now it belonged to the one before. */
void stage_enter(struct stages *stages, enum stage stage);

/* Until stage_group_end, everything belongs to `stage`. */
void stage_group_begin(struct stages *stages, enum stage stage);
void stage_group_end(struct stages *stages);

/* ---- what every layer needs */

/* Room for the input of a layer with weights of bytes or words: rows as such, with what turns them back into
 * numbers. */
struct integer_rows {
    union { /* [rows, stride], one block for both */
        uint8_t *bytes;
        int16_t *words;
    };
    size_t stride; /* elements: a multiple of INTEGER_STEP, at least the widest input */
    float *scale;  /* [rows] */
    int32_t *zero; /* [rows], of bytes */
};

struct linear;

/* Sees what a layer reads, before it runs. */
typedef void layer_watch(void *context, const struct linear *layer, size_t rows, const float *x,
                         size_t stride);

struct compute {
    const struct kernels *kernels;
    struct pool *pool;
    struct stages *stages;
    struct integer_rows integers; /* needed only for layers with weights of bytes or words */
    float *expanded; /* needed only for weights in half precision: expanded_size() for each thread */
    size_t expanded_size;
    layer_watch *watch; /* or NULL */
    void *watch_context;
};

/* size: bytes of the widest element, 1 or 2. */
void integer_rows_take(struct integer_rows *rows, struct arena *arena, size_t count, size_t widest,
                       size_t size);

/* Floats that a thread needs to expand panels of layers with at most `longest` inputs. */
size_t expanded_size(const struct kernels *kernels, size_t longest);

/* The row stride for matrices of `n` columns: padded so that rows lie on cache lines and that the rows of a
 * tile do not all fall into the same set of the first-level cache. */
size_t matrix_stride(size_t n);

/* ---- linear.c */

/* Weights as bytes (kernels/int8.h) or words (kernels/int16.h); the other one is NULL. */
struct integer_weights {
    const int8_t *bytes;  /* [ceil(out / PANEL)][round_up(in, INTEGER_STEP) / 4][PANEL][4] */
    const int16_t *words; /* [ceil(out / PANEL)][round_up(in, INTEGER_STEP) / 2][PANEL][2] */
    const float *scale;   /* [out]; NULL: the weights are floats */
    const int32_t *sum;   /* [out], of bytes */
};

/* Weights in half precision, which become floats a panel at a time. */
struct half_weights {
    const uint16_t *panels; /* [ceil(out / PANEL)][in][PANEL] */
    size_t scaled;          /* the first so many outputs ... */
    float scale;            /* ... are to be multiplied by this */
};

struct linear {
    size_t in, out;
    const float *weight; /* packed panels: [ceil(out / PANEL)][in][PANEL]; NULL: half or integers has them */
    const float *bias;   /* [out] or NULL */
    struct half_weights half;
    struct integer_weights integers;
};

/* out[rows, linear.out] = activation(x[rows, linear.in] * weight^T + bias) + residual. residual may be out.
 */
void linear_apply(const struct compute *compute, const struct linear *linear, size_t rows, const float *x,
                  size_t x_stride, enum gemm_activation activation, const float *residual, float *out,
                  size_t out_stride);

/* ---- norm.c */

struct layer_norm {
    size_t size;
    const float *gamma, *beta; /* [size] */
    float epsilon;
};

/* out may be x. */
void layer_norm_apply(const struct compute *compute, const struct layer_norm *norm, size_t rows,
                      const float *x, size_t x_stride, float *out, size_t out_stride);

/* ---- attention.c */

struct attention {
    size_t heads, head_size;
    bool causal;
    size_t sequences;     /* independent ones, their tokens one after the other */
    const size_t *starts; /* [sequences + 1] row of the first token of each; NULL: all have `length` tokens */
    size_t length;        /* the (longest) sequence */
    size_t queries;       /* compute only the first so many rows of each sequence; 0: all */
    float *keys, *values; /* scratch: attention_packed_size() floats each, aligned to 64 bytes */
    float *scores;        /* scratch: [threads][attention_scores_size()] */
};

size_t attention_packed_size(size_t sequences, size_t length, size_t heads, size_t head_size);
size_t attention_scores_size(size_t length);

/* qkv: [rows, 3 * hidden], queries already scaled by 1 / sqrt(head_size); out: [rows, hidden]. */
void attention_apply(const struct compute *compute, const struct attention *attention, const float *qkv,
                     size_t qkv_stride, float *out, size_t out_stride);

/* ---- block.c */

struct block {
    struct layer_norm norm1, norm2;
    struct linear qkv, projection, fc1, fc2;
    enum gemm_activation activation;
};

/* Scratch for blocks of one shape; rows: the most that will ever be passed. */
struct block_scratch {
    float *normed, *attended; /* [rows, hidden], in one place: attention is through with its input */
    float *qkv, *inner;       /* [rows, 3 hidden] and [rows, intermediate], in one place: attention is over */
    size_t hidden_stride, qkv_stride, inner_stride;
    float *keys, *values, *scores;
};

void block_scratch_take(struct block_scratch *scratch, struct arena *arena, size_t rows, size_t hidden,
                        size_t intermediate, size_t heads, size_t sequences, size_t length, size_t threads);

/* CLIP's order: x += attention(norm1(x)); x += mlp(norm2(x)). x: [rows, hidden] with scratch->hidden_stride.
 * attention: heads, causality and sequences; its scratch pointers are filled in here. */
void block_apply_pre_norm(const struct compute *compute, const struct block *block,
                          struct attention attention, const struct block_scratch *scratch, size_t rows,
                          float *x);

/* The same for one row of every sequence: what a last layer has to do when nothing but the class token or the
 * end token is read. picked: [attention.sequences] their rows, ascending; attention.queries may leave out
 * those that are not picked. x: [rows, hidden], unchanged; out: [sequences, hidden], both with
 * scratch->hidden_stride. */
void block_apply_pre_norm_picked(const struct compute *compute, const struct block *block,
                                 struct attention attention, const struct block_scratch *scratch, size_t rows,
                                 const size_t *picked, const float *x, float *out);

/* The decoder's order: x = norm1(x + attention(x)); x = norm2(x + mlp(x)). */
void block_apply_post_norm(const struct compute *compute, const struct block *block,
                           struct attention attention, const struct block_scratch *scratch, size_t rows,
                           float *x);

/* ---- convolution.c: maps are [height, width, channels], channels last */

/* 3x3, padding 1, with relu. weight: in = 9 * channels in the order [ky][kx][channel]. columns: scratch
 * [height * width, matrix_stride(9 * channels)]. map has row stride map_stride per pixel. */
void convolution_3x3(const struct compute *compute, const struct linear *weight, size_t height, size_t width,
                     size_t channels, const float *map, size_t map_stride, float *columns,
                     enum gemm_activation activation, float *out, size_t out_stride);

/* Transposed convolution with stride = kernel: a matrix product whose columns are [ky][kx][channel], then
 * every pixel's kernel x kernel block goes to its place. products: scratch [height * width,
 * matrix_stride(kernel^2 * channels)]. out: [height * kernel, width * kernel, channels] with out_stride
 * elements per pixel. */
void convolution_transposed(const struct compute *compute, const struct linear *weight, size_t height,
                            size_t width, size_t kernel, size_t channels, const float *map, size_t map_stride,
                            float *products, enum gemm_activation activation, float *out, size_t out_stride);

/* ---- film.c */

/* Feature-wise linear modulation (Perez et al. 2018): out = multiply * x + add, one pair of vectors per
 * prompt. x: [rows, size]; out: [rows, size]; multiply, add: [size]. */
void film_apply(size_t rows, size_t size, const float *multiply, const float *add, const float *x, float *out,
                size_t stride);

#endif
