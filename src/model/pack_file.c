/* pack_file.c: the pieces of a packed file: found when one is opened, noted when one is made. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "model/pack.h"

#define NAME_SIZE 256

/* Bytes and words are for the layers of the image tower only, where nearly all of the work is. name: with or
 * without prefix. Returns its layer, or -1. */
static int integer_layer(const char *name)
{
    static const char layers[] = "vision_model.encoder.layers.";
    const char *place = strstr(name, layers);

    return place ? atoi(place + sizeof layers - 1) : -1;
}

/* In files of integers the decoder stays as it is: it is small, and what it rounds is seen. In files of bytes
 * the first layers of the image tower are words. */
static enum tensor_type type_in_file(const char *name, bool matrix, enum tensor_type type)
{
    int layer = integer_layer(name);

    if (!matrix)
        return TENSOR_F32;
    if (!type_is_integers(type))
        return type;
    if (layer >= 0)
        return layer < WORD_LAYERS ? TENSOR_I16 : type;
    return strncmp(name, "decoder.", 8) ? TENSOR_F16 : TENSOR_F32;
}

struct integer_shape integer_shape(enum tensor_type type, size_t panels, size_t in)
{
    size_t together = type == TENSOR_I8 ? 4 : 2; /* inputs of one output that lie side by side */

    return (struct integer_shape){panels * PANEL,
                                  {panels, round_up(in, INTEGER_STEP) / together, together * PANEL}};
}

bool packed_rounds(const struct packer *packer, const char *name, bool matrix)
{
    const struct pieces *pieces = packer->pieces;

    return pieces && (pieces->type == TENSOR_F16 || type_in_file(name, matrix, pieces->type) == TENSOR_F16);
}

bool packed_is_file(const struct packer *packer)
{
    return packer->checkpoint->layout != 0;
}

/* The kernels want whole cache lines. A file that is mapped has them; one in a caller's memory may not. */
static const void *use_in_place(struct packer *packer, const struct tensor *tensor)
{
    if ((uintptr_t)tensor->data % CACHE_LINE == 0)
        return tensor->data;
    void *place = arena_take(packer->arena, tensor->count, tensor_type_size(tensor->type));
    packer_add_job(packer, (struct pack_job){.form = PACK_BYTES, .tensor = *tensor, .packed = place});
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

/* A tensor of a type that is not computed with but used as it lies; NULL and status set when it is not as it
 * must be. */
static const void *find_raw(struct packer *packer, const char *name, enum tensor_type type, size_t rank,
                            const size_t *shape)
{
    char full[NAME_SIZE];

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
    return use_in_place(packer, tensor);
}

static void find_integers(struct packer *packer, const char *name, enum tensor_type type,
                          struct linear *linear)
{
    char full[NAME_SIZE];
    struct integer_shape shape = integer_shape(type, (linear->out + PANEL - 1) / PANEL, linear->in);
    const void *panels = find_raw(packer, name, type, 3, shape.panels);

    snprintf(full, sizeof full, "%s.scale", name);
    linear->integers.scale = find_raw(packer, full, TENSOR_F32, 1, &shape.rows);
    if (type == TENSOR_I16) {
        linear->integers.words = panels;
    } else {
        linear->integers.bytes = panels;
        snprintf(full, sizeof full, "%s.sum", name);
        linear->integers.sum = find_raw(packer, full, TENSOR_I32, 1, &shape.rows);
    }
    packer->integer_size = size_max(packer->integer_size, tensor_type_size(type));
}

void packed_find_matrix(struct packer *packer, const char *name, size_t scaled, float scale,
                        struct linear *linear)
{
    char full[NAME_SIZE];
    size_t panels = (linear->out + PANEL - 1) / PANEL;

    snprintf(full, sizeof full, "%s%s", packer->prefix, name);
    const struct tensor *tensor = checkpoint_find(packer->checkpoint, full);
    if (tensor && type_is_integers(tensor->type) && integer_layer(full) >= 0) {
        find_integers(packer, name, tensor->type, linear);
        return;
    }
    tensor = packer_tensor(packer, name, 3, (size_t[]){panels, linear->in, PANEL});
    if (tensor && tensor->type == TENSOR_F32) {
        linear->weight = use_in_place(packer, tensor);
    } else if (tensor && tensor->type == TENSOR_F16) {
        linear->half = (struct half_weights){use_in_place(packer, tensor), scaled, scale};
        packer->longest_half = size_max(packer->longest_half, linear->in);
    } else if (tensor) {
        refuse_type(packer, tensor, "F32 or F16");
    }
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
    bool table = !data && rank == 2;
    *piece = (struct piece){.rank = rank,
                            .matrix = matrix,
                            .type = type_in_file(name, matrix || table, pieces->type),
                            .half = packed_rounds(packer, name, matrix || table),
                            .data = data};
    if (tensor)
        piece->tensor = *tensor;
    memcpy(piece->shape, shape, rank * sizeof *shape);
    snprintf(piece->name, sizeof piece->name, "%s%s", packer->prefix, name);
}

void packed_note_scale(struct packer *packer, size_t scaled, float scale)
{
    if (!packer->pieces || packer->status)
        return;
    struct piece *piece = &packer->pieces->list[packer->pieces->count - 1];
    piece->scaled = scaled;
    piece->scale = scale;
}

void pieces_free(struct pieces *pieces)
{
    free(pieces->list);
    *pieces = (struct pieces){0};
}
