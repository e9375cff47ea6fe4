/* kernels.h: the contract of every kernel, and the table through which the rest of the library calls them.
 *
 * Kernels are single-threaded, allocate nothing, and know no shapes of the model; threads and shapes are
 * nn/'s affair. A table is filled with the scalar kernels first and then overwritten tier by tier; it lives
 * in the model. Unless said otherwise: pointers are aligned to 4 bytes only, strides are in elements, inputs
 * and outputs do not overlap, nothing outside the given rows and columns is read or written, NaN and
 * infinities pass through.
 */
#ifndef KERNELS_KERNELS_H
#define KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Weights are packed into panels of this many columns (output features): [n / PANEL][k][PANEL], zero-padded
 * at the end. The same bytes serve every tier: AVX2 takes a panel as two registers, AVX-512 two adjacent
 * panels. */
#define PANEL 16

enum gemm_activation { GEMM_NONE, GEMM_RELU, GEMM_QUICK_GELU, GEMM_GELU };

/* c[m, n] = activation(a[m, k] * b + bias[n]) + residual[m, n] */
struct gemm {
    size_t m, n, k;
    const float *a; /* [m, k], row stride a_stride */
    size_t a_stride;
    const float *b;        /* packed panels, ceil(n / PANEL) of them, each [k, PANEL], aligned to 64 bytes */
    size_t panel_stride;   /* elements from one panel to the next, at least k * PANEL */
    const float *bias;     /* [n] or NULL */
    const float *residual; /* [m, n] with c's stride, or NULL; may be c itself. Only with GEMM_NONE */
    enum gemm_activation activation;
    float *c; /* [m, n], row stride c_stride */
    size_t c_stride;
};

typedef void gemm_kernel(const struct gemm *gemm);

/* ---- products of integers
 *
 * Activations are integers with a scale per row, weights integers with a scale per output feature. The sums
 * of their products are exact; every tier rounds at the same places and so gives the same numbers, but for
 * the activation.
 *
 * Bytes (gemm_int8): unsigned activations with a zero point per row, signed weights: x = a_scale * (a -
 * a_zero), w = b_scale * b. AVX2 adds four products in 16 bits, so weights are bounded (kernels/int8.h) such
 * that no such sum can leave the range. Rounds once after the product with the scales and once after the
 * bias.
 *
 * Words (gemm_int16): signed activations of 14 bits, signed weights of 13 bits: x = a_scale * a, w = b_scale
 * * b. The products of WORDS_BLOCK consecutive k are added in 32 bits, which weights are bounded for
 * (kernels/int16.h); such a sum becomes a float, and these are added in their order. */

/* k is padded to a multiple of this: AVX2 adds products of bytes in 16 bits that come from so many k. */
#define INTEGER_STEP 8

#define WORDS_BLOCK 256
#define WORDS_MOST_ACTIVATION 8191
#define WORDS_MOST_WEIGHT 4095

/* c = activation(a_scale[i] * b_scale[j] * (sum of a * b - a_zero[i] * b_sum[j]) + bias[j]) + residual;
 * of words without a_zero * b_sum */
struct gemm_integers {
    size_t m, n, k; /* k: a multiple of INTEGER_STEP */
    union {         /* [m, k], row stride a_stride */
        const uint8_t *a_bytes;
        const int16_t *a_words; /* in -WORDS_MOST_ACTIVATION..WORDS_MOST_ACTIVATION */
    };
    size_t a_stride;
    const float *a_scale;       /* [m] */
    const int32_t *a_zero;      /* [m], of bytes */
    union {                     /* panels of PANEL features, aligned to 64 bytes */
        const int8_t *b_bytes;  /* each [k / 4][PANEL][4] */
        const int16_t *b_words; /* each [k / 2][PANEL][2] */
    };
    size_t panel_stride;   /* elements from one panel to the next */
    const float *b_scale;  /* [n] */
    const int32_t *b_sum;  /* [n], of bytes: sum of a feature's weights over k */
    const float *bias;     /* [n] or NULL */
    const float *residual; /* [m, n] with c's stride, or NULL; may be c itself. Only with GEMM_NONE */
    enum gemm_activation activation;
    float *c; /* [m, n], row stride c_stride */
    size_t c_stride;
};

typedef void gemm_integers_kernel(const struct gemm_integers *gemm);

/* Rows to bytes: scale = (max - min) / 255 over a row's n elements and 0, zero = round(-min / scale),
 * out = round(x / scale) + zero; out[n .. round_up(n, INTEGER_STEP)) is set to zero. A row of zeros has scale
 * 0. Rounds to nearest, ties to even. A row with NaN or infinity has a scale of NaN, so that the product
 * shows it. */
typedef void quantize_rows_kernel(size_t rows, size_t n, const float *x, size_t x_stride, uint8_t *out,
                                  size_t out_stride, float *scale, int32_t *zero);

/* Rows to words: scale = max(|x|) / WORDS_MOST_ACTIVATION, out = round(x / scale), padded and with odd rows
 * as above. A row of numbers so small that 1 / scale overflows becomes zeros. */
typedef void quantize_words_kernel(size_t rows, size_t n, const float *x, size_t x_stride, int16_t *out,
                                   size_t out_stride, float *scale);

/* out = (x - mean(x)) / sqrt(var(x) + epsilon) * gamma + beta for each row; var over n, mean and sum of
 * squares of differences in two passes. out may be x (same stride). */
typedef void layer_norm_kernel(size_t rows, size_t n, const float *x, size_t x_stride, const float *gamma,
                               const float *beta, float epsilon, float *out, size_t out_stride);

/* Row r of x becomes softmax over its first valid[r] (or n when valid is NULL) elements, the rest of its n
 * elements 0. Exact two-pass: maximum first. */
typedef void softmax_kernel(size_t rows, size_t n, const size_t *valid, float *x, size_t stride);

/* Transpose into panels: out[p][j][i] = x[p * PANEL + i][j] for j < columns, rows beyond `rows` as 0: what
 * GEMM wants as B when x holds its columns as rows (weights [out, in]; keys [token, head]). out:
 * [ceil(rows/PANEL)][columns][PANEL]. */
typedef void pack_rows_kernel(size_t rows, size_t columns, const float *x, size_t stride, float *out);

/* Row j of B is row j of x: out[p][j][i] = x[j][p * PANEL + i], columns beyond `columns` as 0: values [token,
 * head]. out: [ceil(columns/PANEL)][rows][PANEL]. */
typedef void pack_columns_kernel(size_t rows, size_t columns, const float *x, size_t stride, float *out);

/* Numbers of half precision (their bits) to float, exactly; NaN stays NaN. */
typedef void expand_half_kernel(size_t count, const uint16_t *x, float *out);

/* Bilinear enlargement of one output row (align_corners false, as torch's interpolate), then the sigmoid:
 * out[x] = sigmoid((1-wy) * lerp(top) + wy * lerp(bottom)) with left[x] the left source column, weight[x]
 * that of its right neighbour left[x] + 1 (which the caller guarantees to exist or to have weight 0 and be
 * readable). */
typedef void enlarge_row_kernel(size_t width, const float *top, const float *bottom, float weight_bottom,
                                const int32_t *left, const float *weight, float *out);

/* One pixel row from 8-bit RGB to three planes: out[c][x] = rgb[x][c] * scale[c] + offset[c]. */
typedef void normalize_row_kernel(size_t width, const uint8_t *rgb, const float scale[3],
                                  const float offset[3], float *red, float *green, float *blue);

/* The products of many rows of bytes with one: out[r] = sum over i of x[r][i] * y[i], exact. Values of x and
 * y lie in -127..127 and n is at most 65536, so that nothing overflows. */
typedef void dot_bytes_kernel(size_t rows, size_t n, const int8_t *x, size_t x_stride, const int8_t *y,
                              int32_t *out);

/* A loop of independent fused multiply-adds for the benchmark: runs `iterations` rounds and returns the
 * number of floating-point operations done. *sink receives a value so that nothing is optimised away. */
typedef double peak_kernel(size_t iterations, float *sink);

struct kernels {
    const char *name;    /* "scalar", "avx2", "avx512", "neon" */
    size_t gemm_rows;    /* m of the micro-kernel's tile: split rows in multiples of this */
    size_t gemm_columns; /* n of the micro-kernel's tile, a multiple of PANEL */
    gemm_kernel *gemm;
    gemm_integers_kernel *gemm_int8;
    gemm_integers_kernel *gemm_int16;
    quantize_rows_kernel *quantize_rows;
    quantize_words_kernel *quantize_words;
    layer_norm_kernel *layer_norm;
    softmax_kernel *softmax;
    pack_rows_kernel *pack_rows;
    pack_columns_kernel *pack_columns;
    expand_half_kernel *expand_half;
    enlarge_row_kernel *enlarge_row;
    normalize_row_kernel *normalize_row;
    dot_bytes_kernel *dot_bytes;
    peak_kernel *peak;
};

enum kernels_tier { KERNELS_SCALAR, KERNELS_AVX2, KERNELS_AVX512, KERNELS_NEON };

/* Fill the table with the best tier that this machine has, not above `cap` (a name, or NULL for no cap).
 * false: `cap` is no tier's name, or one of another architecture. A tier that the machine lacks falls back.
 */
bool kernels_init(struct kernels *kernels, const char *cap);

/* Does this machine run the tier of this name? For tests and benchmarks. */
bool kernels_available(const char *name);

/* What some machines of a tier have and others do not. */
enum kernels_feature { KERNELS_VNNI, KERNELS_DOTPROD, KERNELS_I8MM };

bool kernels_feature(enum kernels_feature feature);

/* list.c: every product of bytes or words of this architecture, the reference first: what the tests compare
 * and the benchmark times. All give the same bits but for the activation. */
struct gemm_integers_entry {
    const char *name;
    gemm_integers_kernel *kernel;
    bool runs; /* on this machine */
};

#define GEMM_INTEGERS_MOST 4

/* Both return how many there are. */
size_t gemm_int8_list(struct gemm_integers_entry list[GEMM_INTEGERS_MOST]);
size_t gemm_int16_list(struct gemm_integers_entry list[GEMM_INTEGERS_MOST]);

/* Each folder exports one of these: overwrite what the tier does better. */
void kernels_init_scalar(struct kernels *kernels);
void kernels_init_avx2(struct kernels *kernels);
void kernels_init_avx512(struct kernels *kernels);
void kernels_init_neon(struct kernels *kernels);

#endif
