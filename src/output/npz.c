/* npz.c: numpy's archive of arrays: masks, logits, names and ids of the prompts. The masks stream by; logits
 * are small and wait until the end. */
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "output/bits.h"
#include "output/npy.h"
#include "output/shapes.h"
#include "output/zip.h"

struct state {
    struct zip zip;
    float *logits; /* [prompts, S, S] */
};

static void release(void *memory)
{
    struct state *state = memory;

    zip_release(&state->zip);
    free(state->logits);
}

/* Name, header and size of an array. */
static clipseg_status open_array(struct zip *zip, const char *name, const char *type, const size_t *shape,
                                 size_t rank, size_t item, clipseg_error *error)
{
    struct buffer header = {0};
    uint64_t size = item;
    clipseg_status status;

    for (size_t i = 0; i < rank; i++)
        size *= shape[i];
    npy_header(&header, type, shape, rank);
    status = header.failed ? error_memory(error) : zip_open_entry(zip, name, header.size + size, error);
    if (!status)
        status = zip_write(zip, header.data, header.size, error);
    buffer_free(&header);
    return status;
}

static clipseg_status begin(struct output *output, bool compress, clipseg_error *error)
{
    const struct result *r = output->result;
    const size_t shape[] = {r->prompt_count, r->image->height, r->image->width};
    struct state *state = memory_zeroed(1, sizeof *state);

    output->state = state;
    if (!state)
        return error_memory(error);
    output->release = release;
    zip_begin(&state->zip, output->stream, compress);
    state->logits = memory_zeroed(r->prompt_count * r->size * r->size, sizeof *state->logits);
    if (!state->logits)
        return error_memory(error);
    return open_array(&state->zip, "masks.npy", "|b1", shape, 3, 1, error);
}

static clipseg_status begin_plain(struct output *output, clipseg_error *error)
{
    return begin(output, false, error);
}

static clipseg_status begin_compressed(struct output *output, clipseg_error *error)
{
    return begin(output, true, error);
}

static clipseg_status add(struct output *output, const struct answer *answer, clipseg_error *error)
{
    const struct result *r = output->result;
    struct state *state = output->state;
    size_t area = r->size * r->size;
    uint8_t *mask = bits_of_answer(r, answer);
    clipseg_status status = mask ? CLIPSEG_OK : error_memory(error);

    memcpy(state->logits + answer->prompt * area, answer->logits, area * sizeof *state->logits);
    if (!status)
        status = zip_write(&state->zip, mask, r->image->width * r->image->height, error);
    free(mask);
    return status;
}

/* A whole array, and the entry is closed. */
static clipseg_status put_array(struct zip *zip, const char *name, const char *type, const size_t *shape,
                                size_t rank, size_t item, const void *data, clipseg_error *error)
{
    clipseg_status status = open_array(zip, name, type, shape, rank, item, error);
    size_t size = item;

    for (size_t i = 0; i < rank; i++)
        size *= shape[i];
    if (!status)
        status = zip_write(zip, data, size, error);
    return status ? status : zip_close_entry(zip, error);
}

static size_t decode(const char *text, uint32_t *out)
{
    const utf8proc_uint8_t *p = (const utf8proc_uint8_t *)text;
    utf8proc_int32_t code;
    size_t count = 0;

    for (utf8proc_ssize_t step; *p && (step = utf8proc_iterate(p, -1, &code)) > 0; p += step, count++)
        if (out)
            out[count] = (uint32_t)code;
    return count;
}

/* numpy's texts: UTF-32 of one width, padded with zeros. */
static clipseg_status put_names(struct zip *zip, const struct result *r, clipseg_error *error)
{
    size_t width = 1;
    char type[32];

    for (size_t i = 0; i < r->prompt_count; i++)
        width = size_max(width, decode(r->categories[i].name, NULL));
    uint32_t *texts = memory_zeroed(r->prompt_count * width, sizeof *texts);
    if (!texts)
        return error_memory(error);
    for (size_t i = 0; i < r->prompt_count; i++)
        decode(r->categories[i].name, texts + i * width);
    snprintf(type, sizeof type, "<U%zu", width);
    clipseg_status status =
        put_array(zip, "names.npy", type, &r->prompt_count, 1, width * sizeof *texts, texts, error);
    free(texts);
    return status;
}

static clipseg_status end(struct output *output, clipseg_error *error)
{
    const struct result *r = output->result;
    const size_t shape[] = {r->prompt_count, r->size, r->size};
    struct state *state = output->state;
    uint32_t *ids = memory_zeroed(r->prompt_count, sizeof *ids);
    clipseg_status status = ids ? zip_close_entry(&state->zip, error) : error_memory(error);

    for (size_t i = 0; ids && i < r->prompt_count; i++)
        ids[i] = r->categories[i].id;
    if (!status)
        status = put_array(&state->zip, "logits.npy", "<f4", shape, 3, sizeof *state->logits, state->logits,
                           error);
    if (!status)
        status = put_names(&state->zip, r, error);
    if (!status)
        status = put_array(&state->zip, "ids.npy", "<u4", shape, 1, sizeof *ids, ids, error);
    if (!status)
        status = zip_end(&state->zip, error);
    free(ids);
    return status;
}

const struct format format_npz = {.name = "npz",
                                  .suffix = ".npz",
                                  .help = "numpy archive: masks, logits, names, ids",
                                  .needs_probability = true,
                                  .begin = begin_plain,
                                  .add = add,
                                  .end = end};

const struct format format_npz_compressed = {.name = "npz-compressed",
                                             .suffix = ".npz",
                                             .help = "the same, compressed",
                                             .needs_probability = true,
                                             .begin = begin_compressed,
                                             .add = add,
                                             .end = end};
