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
    if (!tensor_is_float(tensor)) {
        packer->status = error_set(packer->error, CLIPSEG_ERROR_MODEL,
                                   "%s: tensor %s: type is %s, want F32, F16 or BF16 of shape %s",
                                   tensor->file, full, tensor_type_name(tensor->type), want);
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

void packer_add_job(struct packer *packer, struct pack_job job)
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
        packer_add_job(packer, (struct pack_job){.form = PACK_COPY,
                                                 .tensor = *tensor,
                                                 .out = 1,
                                                 .in = tensor->count,
                                                 .scale = scale,
                                                 .half = packed_rounds(packer, tensor->name, false),
                                                 .packed = place});
}

/* Room for a matrix [out, in] in panels. */
static float *take_matrix(struct packer *packer, const char *name, size_t out, size_t in)
{
    float *place = arena_take(packer->arena, round_up(out, PANEL) * in, sizeof(float));

    packed_note(packer, name, 3, (size_t[]){(out + PANEL - 1) / PANEL, in, PANEL}, true, place, NULL);
    return place;
}

static float *take_vector(struct packer *packer, const char *name, size_t size)
{
    float *place = arena_take(packer->arena, size, sizeof(float));

    packed_note(packer, name, 1, &size, false, place, NULL);
    return place;
}

static void add_matrix(struct packer *packer, enum pack_form form, const struct tensor *tensor, size_t out,
                       size_t in, size_t first_row, float scale, float *packed)
{
    if (tensor)
        packer_add_job(packer, (struct pack_job){.form = form,
                                                 .tensor = *tensor,
                                                 .out = out,
                                                 .in = in,
                                                 .first_row = first_row,
                                                 .scale = scale,
                                                 .half = packed_rounds(packer, tensor->name, true),
                                                 .packed = packed});
}

/* A whole tensor of any shape as the matrix [out, in]; no bias. */
static struct linear pack_matrix(struct packer *packer, const char *name, enum pack_form form, size_t rank,
                                 const size_t *shape, size_t out, size_t in)
{
    struct linear linear = {.in = in, .out = out};

    if (packed_is_file(packer)) {
        packed_find_matrix(packer, name, 0, 1.0f, &linear);
        return linear;
    }
    float *packed = take_matrix(packer, name, out, in);
    add_matrix(packer, form, packer_tensor(packer, name, rank, shape), out, in, 0, 1.0f, packed);
    linear.weight = packed;
    return linear;
}

float pack_scalar(struct packer *packer, const char *name)
{
    size_t one = 1;
    float value = 0.0f;
    const struct tensor *tensor = packer_tensor(packer, name, packed_is_file(packer) ? 1 : 0, &one);

    if (tensor)
        tensor_read_f32(tensor, 0, 1, &value);
    packed_note(packer, name, 1, &one, false, NULL, tensor);
    return value;
}

const float *pack_vector(struct packer *packer, const char *name, size_t size, float scale)
{
    if (packed_is_file(packer))
        return packed_find_vector(packer, name, 1, &size);
    float *place = take_vector(packer, name, size);
    copy_to(packer, packer_tensor(packer, name, 1, &size), scale, place);
    return place;
}

const float *pack_table(struct packer *packer, const char *name, size_t rows, size_t columns)
{
    size_t shape[] = {rows, columns};

    if (packed_is_file(packer))
        return packed_find_vector(packer, name, 2, shape);
    float *place = arena_take(packer->arena, rows * columns, sizeof(float));
    packed_note(packer, name, 2, shape, false, place, NULL);
    copy_to(packer, packer_tensor(packer, name, 2, shape), 1.0f, place);
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

    snprintf(full, sizeof full, "%s.weight", name);
    struct linear linear = pack_matrix(packer, full, PACK_LINEAR, 2, (size_t[]){out, in}, out, in);
    if (has_bias) {
        snprintf(full, sizeof full, "%s.bias", name);
        linear.bias = pack_vector(packer, full, out, 1.0f);
    }
    return linear;
}

/* Queries, keys and values into one matrix and one bias. */
static void pack_parts(struct packer *packer, const char *name, size_t hidden, float scale, float *packed,
                       float *bias)
{
    static const char *const parts[] = {"q_proj", "k_proj", "v_proj"};

    for (size_t i = 0; i < 3; i++) {
        char full[NAME_SIZE];
        float factor = i ? 1.0f : scale;
        snprintf(full, sizeof full, "%s.%s.weight", name, parts[i]);
        add_matrix(packer, PACK_LINEAR, packer_tensor(packer, full, 2, (size_t[]){hidden, hidden}), hidden,
                   hidden, i * hidden, factor, packed);
        snprintf(full, sizeof full, "%s.%s.bias", name, parts[i]);
        copy_to(packer, packer_tensor(packer, full, 1, &hidden), factor, bias ? bias + i * hidden : NULL);
    }
}

struct linear pack_qkv(struct packer *packer, const char *name, size_t hidden, float scale)
{
    char weight[NAME_SIZE], bias[NAME_SIZE];
    size_t out = 3 * hidden;

    snprintf(weight, sizeof weight, "%s.qkv_proj.weight", name);
    snprintf(bias, sizeof bias, "%s.qkv_proj.bias", name);
    struct linear linear = {.in = hidden, .out = out};
    if (packed_is_file(packer)) {
        packed_find_matrix(packer, weight, hidden, scale, &linear);
        linear.bias = packed_find_vector(packer, bias, 1, &out);
        return linear;
    }
    float *packed = take_matrix(packer, weight, out, hidden);
    packed_note_scale(packer, hidden, scale);
    float *offsets = take_vector(packer, bias, out);
    pack_parts(packer, name, hidden, scale, packed, offsets);
    linear.weight = packed;
    linear.bias = offsets;
    return linear;
}

struct linear pack_convolution(struct packer *packer, const char *name, size_t in, size_t out)
{
    char full[NAME_SIZE];

    snprintf(full, sizeof full, "%s.weight", name);
    struct linear linear =
        pack_matrix(packer, full, PACK_CONVOLUTION, 4, (size_t[]){out, in, 3, 3}, out, 9 * in);
    snprintf(full, sizeof full, "%s.bias", name);
    linear.bias = pack_vector(packer, full, out, 1.0f);
    return linear;
}

struct linear pack_transposed(struct packer *packer, const char *name, size_t in, size_t channels,
                              size_t kernel)
{
    char full[NAME_SIZE];
    size_t out = kernel * kernel * channels;

    snprintf(full, sizeof full, "%s.weight", name);
    struct linear linear =
        pack_matrix(packer, full, PACK_TRANSPOSED, 4, (size_t[]){in, channels, kernel, kernel}, out, in);
    snprintf(full, sizeof full, "%s.bias", name);
    if (packed_is_file(packer)) {
        linear.bias = packed_find_vector(packer, full, 1, &out);
        return linear;
    }
    float *bias = take_vector(packer, full, out);
    for (size_t i = 0; i < kernel * kernel; i++)
        copy_to(packer, packer_tensor(packer, full, 1, &channels), 1.0f, bias ? bias + i * channels : NULL);
    linear.bias = bias;
    return linear;
}

struct linear pack_patches(struct packer *packer, const char *name, size_t patch, size_t hidden)
{
    size_t in = 3 * patch * patch;

    return pack_matrix(packer, name, PACK_LINEAR, 4, (size_t[]){hidden, 3, patch, patch}, hidden, in);
}

struct tensor pack_rows_in_place(struct packer *packer, const char *name, size_t rows, size_t columns)
{
    size_t shape[] = {rows, columns};
    const struct tensor *tensor = packer_tensor(packer, name, 2, shape);

    if (!tensor)
        return (struct tensor){0};
    packed_note(packer, name, 2, shape, false, NULL, tensor);
    if (!packed_is_file(packer))
        packer_add_job(packer, (struct pack_job){.form = PACK_SCAN,
                                                 .tensor = *tensor,
                                                 .out = rows,
                                                 .in = columns,
                                                 .scale = 1.0f,
                                                 .half = packed_rounds(packer, tensor->name, true)});
    return *tensor;
}

void packer_free(struct packer *packer)
{
    free(packer->jobs);
    packer->jobs = NULL;
    packer->count = packer->capacity = 0;
}
