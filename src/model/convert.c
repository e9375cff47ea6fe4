/* convert.c: writes what packing has made into a GGUF file, so that opening it is mapping it. */
#include "model/convert.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/file.h"
#include "base/half.h"
#include "base/memory.h"
#include "checkpoint/gguf.h"
#include "model/build.h"
#include "model/integers.h"
#include "model/pack.h"
#include "model/smooth.h"

#define STEP ((size_t)1 << 16) /* elements that are converted at a time */

static void add_texts(struct gguf_header *header, const struct checkpoint *checkpoint)
{
    static const char *const names[] = {"config.json", "preprocessor_config.json"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const clipseg_file *file = checkpoint_text(checkpoint, names[i]);
        char key[64];
        snprintf(key, sizeof key, "clipseg.%s", names[i]);
        if (file)
            gguf_add_text(header, key, file->data, file->size);
    }
}

static bool add_tokenizer(struct gguf_header *header, const struct tokenizer *tokenizer)
{
    struct tokenizer_tables tables;

    if (!tokenizer_export(tokenizer, &tables))
        return false;
    gguf_add_integers(header, "clipseg.tokenizer.special", tables.special, TOKENIZER_SPECIAL);
    gguf_add_integers(header, "clipseg.tokenizer.bytes", tables.bytes, TOKENIZER_BYTES);
    gguf_add_integers(header, "clipseg.tokenizer.merges", tables.merges, 3 * tables.merge_count);
    free(tables.merges);
    return true;
}

static void add_piece(struct gguf_header *header, const struct piece *piece)
{
    char name[300];

    if (!type_is_integers(piece->type)) {
        gguf_add_tensor(header, piece->name, piece->type, piece->rank, piece->shape);
        return;
    }
    struct integer_shape shape = integer_shape(piece->type, piece->shape[0], piece->shape[1]);
    gguf_add_tensor(header, piece->name, piece->type, 3, shape.panels);
    snprintf(name, sizeof name, "%s.scale", piece->name);
    gguf_add_tensor(header, name, TENSOR_F32, 1, &shape.rows);
    snprintf(name, sizeof name, "%s.sum", piece->name);
    if (piece->type == TENSOR_I8)
        gguf_add_tensor(header, name, TENSOR_I32, 1, &shape.rows);
}

static uint32_t file_type(enum tensor_type type)
{
    switch (type) {
    case TENSOR_F16:
        return 1;
    case TENSOR_I8:
        return GGUF_FILE_INT8;
    case TENSOR_I16:
        return GGUF_FILE_INT16;
    default:
        return 0;
    }
}

static bool make_header(struct gguf_header *header, const clipseg_model *model, const struct pieces *pieces)
{
    gguf_add_text(header, "general.architecture", "clipseg", 7);
    gguf_add_number(header, "general.alignment", GGUF_ALIGNMENT);
    gguf_add_number(header, "general.file_type", file_type(pieces->type));
    gguf_add_number(header, "clipseg.layout", GGUF_LAYOUT);
    add_texts(header, &model->checkpoint);
    if (!add_tokenizer(header, model->tokenizer))
        return false;
    for (size_t i = 0; i < pieces->count; i++)
        add_piece(header, &pieces->list[i]);
    return true;
}

/* Elements [first, first + count) of a piece; in half precision without the scale of the first outputs, which
 * gives back what was rounded before it was scaled. */
static void read_piece(const struct piece *piece, size_t first, size_t count, float *out)
{
    if (!piece->data) {
        tensor_read_f32(&piece->tensor, first, count, out);
        for (size_t i = 0; i < count && piece->half; i++)
            out[i] = float_from_half(half_from_float(out[i]));
        return;
    }
    memcpy(out, piece->data + first, count * sizeof *out);
    for (size_t i = 0; i < count && piece->type == TENSOR_F16 && piece->scaled; i++) {
        size_t panel = (first + i) / (PANEL * piece->shape[1]), column = (first + i) % PANEL;
        if (panel * PANEL + column < piece->scaled)
            out[i] /= piece->scale;
    }
}

/* values, halves: scratch [STEP]. false: memory ran out. */
static bool write_piece(const struct piece *piece, struct pool *pool, float *values, uint16_t *halves,
                        FILE *stream)
{
    enum tensor_type type = piece->type;
    size_t total = 1;

    if (type_is_integers(type))
        return integers_write(piece, pool, stream);
    for (size_t i = 0; i < piece->rank; i++)
        total *= piece->shape[i];
    for (size_t first = 0; first < total; first += STEP) {
        size_t count = size_min(STEP, total - first);
        read_piece(piece, first, count, values);
        for (size_t i = 0; i < count && type == TENSOR_F16; i++)
            halves[i] = half_from_float(values[i]);
        fwrite(type == TENSOR_F16 ? (const void *)halves : values, tensor_type_size(type), count, stream);
    }
    gguf_write_padding(total * tensor_type_size(type), stream);
    return true;
}

/* Errors of the stream are found by the commit. */
static clipseg_status write_all(const clipseg_model *model, const struct pieces *pieces, size_t threads,
                                FILE *stream, clipseg_error *error)
{
    struct gguf_header header = {0};
    struct pool *pool = pool_create(threads);
    float *values = memory_aligned(STEP, sizeof *values);
    uint16_t *halves = memory_aligned(STEP, sizeof *halves);
    bool complete =
        pool && values && halves && make_header(&header, model, pieces) && gguf_write_header(&header, stream);

    for (size_t i = 0; complete && i < pieces->count; i++)
        complete = write_piece(&pieces->list[i], pool, values, halves, stream);
    gguf_header_free(&header);
    pool_free(pool);
    free(values);
    free(halves);
    return complete ? CLIPSEG_OK : error_memory(error);
}

clipseg_status model_convert(struct checkpoint *checkpoint, const char *path, enum tensor_type type,
                             const struct calibration *pictures, const clipseg_model_options *options,
                             clipseg_error *error)
{
    struct pieces pieces = {.type = type};
    clipseg_model *model = memory_zeroed(1, sizeof *model);
    struct file_writer writer;
    clipseg_status status = model ? CLIPSEG_OK : error_memory(error);

    if (!model) {
        checkpoint_close(checkpoint);
        return status;
    }
    model->checkpoint = *checkpoint;
    *checkpoint = (struct checkpoint){0};
    if (model->checkpoint.layout)
        status =
            error_set(error, CLIPSEG_ERROR_MODEL,
                      "%s: is a packed file already; convert what it was made from", model->checkpoint.name);
    if (!status)
        status = model_build(model, options, &pieces, error);
    if (!status && type == TENSOR_I8)
        status = smooth_vision(model, pictures, options->threads, error);
    if (!status)
        status = file_write_open(&writer, path, error);
    if (!status) {
        status = write_all(model, &pieces, options->threads, writer.stream, error);
        if (status)
            file_write_abandon(&writer);
        else
            status = file_write_commit(&writer, true, error);
    }
    pieces_free(&pieces);
    clipseg_model_close(&model);
    return status;
}
