/* pack.c: collects what has to be packed: names, shapes and places. The work itself is in pack_run.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "model/pack.h"

#define NAME_SIZE 256

static void describe_shape(char *out, size_t size, size_t rank, const size_t *shape)
{
    size_t used = (size_t)snprintf(out, size, "[");

    for (size_t i = 0; i < rank && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%zu", i ? "," : "", shape[i]);
    if (used < size)
        snprintf(out + used, size - used, "]");
}

static bool is_float(enum tensor_type type)
{
    return type == TENSOR_F32 || type == TENSOR_F16 || type == TENSOR_BF16 || type == TENSOR_F64;
}

const struct tensor *packer_tensor(struct packer *packer, const char *name, size_t rank, const size_t *shape)
{
    char full[NAME_SIZE], want[128], found[256];
    const struct tensor *tensor;

    if (packer->status)
        return NULL;
    snprintf(full, sizeof full, "%s%s", packer->prefix, name);
    tensor = checkpoint_find(packer->checkpoint, full);
    describe_shape(want, sizeof want, rank, shape);
    if (!tensor) {
        packer->status =
            error_set(packer->error, CLIPSEG_ERROR_MODEL, "%s: tensor %s: missing, want shape %s",
                      packer->checkpoint->name, full, want);
        return NULL;
    }
    if (!is_float(tensor->type)) {
        packer->status =
            error_set(packer->error, CLIPSEG_ERROR_MODEL, "%s: tensor %s: type is %s, want F32, F16 or BF16",
                      tensor->file, full, tensor_type_name(tensor->type));
        return NULL;
    }
    if (tensor->rank != rank || (rank && memcmp(tensor->shape, shape, rank * sizeof *shape) != 0)) {
        describe_shape(found, sizeof found, tensor->rank, tensor->shape);
        packer->status = error_set(packer->error, CLIPSEG_ERROR_MODEL,
                                   "%s: tensor %s: want shape %s, found %s", tensor->file, full, want, found);
        return NULL;
    }
    return tensor;
}

static void remember(struct packer *packer, struct pack_job job)
{
    if (packer->count == packer->capacity) {
        size_t capacity = packer->capacity ? 2 * packer->capacity : 256;
        struct pack_job *jobs = realloc(packer->jobs, capacity * sizeof *jobs);
        if (!jobs) {
            packer->status = error_memory(packer->error);
            return;
        }
        packer->jobs = jobs;
        packer->capacity = capacity;
    }
    packer->jobs[packer->count++] = job;
}

/* A copy of the whole tensor to `place`. */
static void copy_to(struct packer *packer, const struct tensor *tensor, float scale, float *place)
{
    if (tensor)
        remember(packer, (struct pack_job){.form = PACK_COPY,
                                           .tensor = *tensor,
                                           .out = 1,
                                           .in = tensor->count,
                                           .scale = scale,
                                           .packed = place});
}

static float *take_matrix(struct packer *packer, size_t out, size_t in)
{
    return arena_take(packer->arena, round_up(out, PANEL) * in, sizeof(float));
}

static void add_matrix(struct packer *packer, enum pack_form form, const struct tensor *tensor, size_t out,
                       size_t in, size_t first_row, float scale, float *packed)
{
    if (tensor)
        remember(packer, (struct pack_job){form, *tensor, out, in, first_row, scale, packed});
}

const float *pack_vector(struct packer *packer, const char *name, size_t size, float scale)
{
    float *place = arena_take(packer->arena, size, sizeof(float));

    copy_to(packer, packer_tensor(packer, name, 1, &size), scale, place);
    return place;
}

const float *pack_table(struct packer *packer, const char *name, size_t rows, size_t columns)
{
    float *place = arena_take(packer->arena, rows * columns, sizeof(float));

    copy_to(packer, packer_tensor(packer, name, 2, (size_t[]){rows, columns}), 1.0f, place);
    return place;
}

struct layer_norm pack_layer_norm(struct packer *packer, const char *name, size_t size, float epsilon)
{
    char weight[NAME_SIZE], bias[NAME_SIZE];

    snprintf(weight, sizeof weight, "%s.weight", name);
    snprintf(bias, sizeof bias, "%s.bias", name);
    return (struct layer_norm){size, pack_vector(packer, weight, size, 1.0f),
                               pack_vector(packer, bias, size, 1.0f), epsilon};
}

struct linear pack_linear(struct packer *packer, const char *name, size_t in, size_t out, bool has_bias)
{
    char full[NAME_SIZE];
    float *packed = take_matrix(packer, out, in);
    struct linear linear = {in, out, packed, NULL};

    snprintf(full, sizeof full, "%s.weight", name);
    add_matrix(packer, PACK_LINEAR, packer_tensor(packer, full, 2, (size_t[]){out, in}), out, in, 0, 1.0f,
               packed);
    if (has_bias) {
        snprintf(full, sizeof full, "%s.bias", name);
        linear.bias = pack_vector(packer, full, out, 1.0f);
    }
    return linear;
}

struct linear pack_qkv(struct packer *packer, const char *name, size_t hidden, float scale)
{
    static const char *const parts[] = {"q_proj", "k_proj", "v_proj"};
    float *packed = take_matrix(packer, 3 * hidden, hidden);
    float *bias = arena_take(packer->arena, 3 * hidden, sizeof(float));

    for (size_t i = 0; i < 3; i++) {
        char full[NAME_SIZE];
        float factor = i ? 1.0f : scale;
        snprintf(full, sizeof full, "%s.%s.weight", name, parts[i]);
        add_matrix(packer, PACK_LINEAR, packer_tensor(packer, full, 2, (size_t[]){hidden, hidden}), hidden,
                   hidden, i * hidden, factor, packed);
        snprintf(full, sizeof full, "%s.%s.bias", name, parts[i]);
        copy_to(packer, packer_tensor(packer, full, 1, &hidden), factor, bias ? bias + i * hidden : NULL);
    }
    return (struct linear){hidden, 3 * hidden, packed, bias};
}

struct linear pack_convolution(struct packer *packer, const char *name, size_t in, size_t out)
{
    char full[NAME_SIZE];
    float *packed = take_matrix(packer, out, 9 * in);

    snprintf(full, sizeof full, "%s.weight", name);
    add_matrix(packer, PACK_CONVOLUTION, packer_tensor(packer, full, 4, (size_t[]){out, in, 3, 3}), out,
               9 * in, 0, 1.0f, packed);
    snprintf(full, sizeof full, "%s.bias", name);
    return (struct linear){9 * in, out, packed, pack_vector(packer, full, out, 1.0f)};
}

struct linear pack_transposed(struct packer *packer, const char *name, size_t in, size_t channels,
                              size_t kernel)
{
    char full[NAME_SIZE];
    size_t out = kernel * kernel * channels;
    float *packed = take_matrix(packer, out, in), *bias = arena_take(packer->arena, out, sizeof(float));

    snprintf(full, sizeof full, "%s.weight", name);
    add_matrix(packer, PACK_TRANSPOSED,
               packer_tensor(packer, full, 4, (size_t[]){in, channels, kernel, kernel}), out, in, 0, 1.0f,
               packed);
    snprintf(full, sizeof full, "%s.bias", name);
    for (size_t i = 0; i < kernel * kernel; i++)
        copy_to(packer, packer_tensor(packer, full, 1, &channels), 1.0f, bias ? bias + i * channels : NULL);
    return (struct linear){in, out, packed, bias};
}

struct linear pack_patches(struct packer *packer, const char *name, size_t patch, size_t hidden)
{
    size_t in = 3 * patch * patch;
    float *packed = take_matrix(packer, hidden, in);

    add_matrix(packer, PACK_LINEAR, packer_tensor(packer, name, 4, (size_t[]){hidden, 3, patch, patch}),
               hidden, in, 0, 1.0f, packed);
    return (struct linear){in, hidden, packed, NULL};
}

void pack_scan(struct packer *packer, const struct tensor *tensor)
{
    if (tensor)
        remember(packer, (struct pack_job){.form = PACK_SCAN,
                                           .tensor = *tensor,
                                           .out = tensor->shape[0],
                                           .in = tensor->count / tensor->shape[0],
                                           .scale = 1.0f});
}

void packer_free(struct packer *packer)
{
    free(packer->jobs);
    packer->jobs = NULL;
    packer->count = packer->capacity = 0;
}
