/* pack_file.c: the pieces of a packed file: found when one is opened, noted when one is made. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "model/pack.h"

bool packed_is_file(const struct packer *packer)
{
    return packer->checkpoint->layout != 0;
}

/* The kernels want whole cache lines. A file that is mapped has them; one in a caller's memory may not. */
static const float *use_in_place(struct packer *packer, const struct tensor *tensor)
{
    if ((uintptr_t)tensor->data % CACHE_LINE == 0)
        return (const float *)(const void *)tensor->data;
    float *place = arena_take(packer->arena, tensor->count, sizeof(float));
    packer_add_job(packer, (struct pack_job){.form = PACK_COPY,
                                             .tensor = *tensor,
                                             .out = 1,
                                             .in = tensor->count,
                                             .scale = 1.0f,
                                             .packed = place});
    return place;
}

static void refuse_type(struct packer *packer, const struct tensor *tensor, const char *want)
{
    packer->status = error_set(packer->error, CLIPSEG_ERROR_MODEL, "%s: tensor %s: type is %s, want %s",
                               tensor->file, tensor->name, tensor_type_name(tensor->type), want);
}

const float *packed_find_vector(struct packer *packer, const char *name, size_t rank, const size_t *shape)
{
    const struct tensor *tensor = packer_tensor(packer, name, rank, shape);

    if (tensor && tensor->type != TENSOR_F32)
        refuse_type(packer, tensor, "F32");
    return tensor && tensor->type == TENSOR_F32 ? use_in_place(packer, tensor) : NULL;
}

const float *packed_find_matrix(struct packer *packer, const char *name, size_t out, size_t in, size_t scaled,
                                float scale)
{
    size_t panels = (out + PANEL - 1) / PANEL;
    const struct tensor *tensor = packer_tensor(packer, name, 3, (size_t[]){panels, in, PANEL});

    if (!tensor)
        return NULL;
    if (tensor->type == TENSOR_F32)
        return use_in_place(packer, tensor);
    if (tensor->type != TENSOR_F16) {
        refuse_type(packer, tensor, "F32 or F16");
        return NULL;
    }
    float *place = arena_take(packer->arena, tensor->count, sizeof(float));
    packer_add_job(packer, (struct pack_job){.form = PACK_EXPAND,
                                             .tensor = *tensor,
                                             .out = panels * PANEL,
                                             .in = in,
                                             .scale = scale,
                                             .scaled = scaled,
                                             .packed = place});
    return place;
}

/* A tensor of a type that is not computed with but used as it lies; NULL and status set when it is not as it
 * must be.
 */
static const void *find_raw(struct packer *packer, const char *name, enum tensor_type type, size_t rank,
                            const size_t *shape)
{
    char full[256];

    snprintf(full, sizeof full, "%s%s", packer->prefix, name);
    const struct tensor *tensor = checkpoint_find(packer->checkpoint, full);
    if (packer->status)
        return NULL;
    if (!tensor || tensor->type != type || tensor->rank != rank ||
        memcmp(tensor->shape, shape, rank * sizeof *shape) != 0) {
        packer->status = error_set(packer->error, CLIPSEG_ERROR_MODEL,
                                   "%s: tensor %s: missing, or not %s of the size that its matrix has",
                                   packer->checkpoint->name, full, tensor_type_name(type));
        return NULL;
    }
    if ((uintptr_t)tensor->data % CACHE_LINE == 0)
        return tensor->data;
    void *place = arena_take(packer->arena, tensor->count, tensor_type_size(type));
    packer_add_job(packer, (struct pack_job){.form = PACK_BYTES, .tensor = *tensor, .packed = place});
    return place;
}

bool packed_find_bytes(struct packer *packer, const char *name, size_t out, size_t in,
                       struct byte_weights *bytes)
{
    char full[256];
    size_t panels = (out + PANEL - 1) / PANEL, rows = panels * PANEL;
    size_t shape[] = {panels, round_up(in, INT8_STEP) / 4, 4 * PANEL};

    snprintf(full, sizeof full, "%s%s", packer->prefix, name);
    const struct tensor *tensor = packed_is_file(packer) ? checkpoint_find(packer->checkpoint, full) : NULL;
    if (!tensor || tensor->type != TENSOR_I8)
        return false;
    bytes->panels = find_raw(packer, name, TENSOR_I8, 3, shape);
    snprintf(full, sizeof full, "%s.scale", name);
    bytes->scale = find_raw(packer, full, TENSOR_F32, 1, &rows);
    snprintf(full, sizeof full, "%s.sum", name);
    bytes->sum = find_raw(packer, full, TENSOR_I32, 1, &rows);
    return true;
}

void packed_note(struct packer *packer, const char *name, size_t rank, const size_t *shape, bool matrix,
                 const float *data, const struct tensor *tensor)
{
    struct pieces *pieces = packer->pieces;

    if (!pieces || packer->status)
        return;
    if (pieces->count == pieces->capacity) {
        size_t capacity = pieces->capacity ? 2 * pieces->capacity : 256;
        struct piece *list = realloc(pieces->list, capacity * sizeof *list);
        if (!list) {
            packer->status = error_memory(packer->error);
            return;
        }
        pieces->list = list;
        pieces->capacity = capacity;
    }
    struct piece *piece = &pieces->list[pieces->count++];
    *piece = (struct piece){.rank = rank, .matrix = matrix, .data = data};
    if (tensor)
        piece->tensor = *tensor;
    memcpy(piece->shape, shape, rank * sizeof *shape);
    snprintf(piece->name, sizeof piece->name, "%s%s", packer->prefix, name);
}

void pieces_free(struct pieces *pieces)
{
    free(pieces->list);
    *pieces = (struct pieces){0};
}
