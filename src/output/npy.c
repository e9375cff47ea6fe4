/* npy.c: the raw logits as a numpy array of float32, (prompts, S, S). */
#include "output/npy.h"

#include "base/error.h"
#include "output/shapes.h"

/* Version 1.0: magic, length of what follows, a Python literal padded with spaces to a multiple of 64. */
void npy_header(struct buffer *out, const char *type, const size_t *shape, size_t rank)
{
    struct buffer text = {0};

    buffer_format(&text, "{'descr': '%s', 'fortran_order': False, 'shape': (", type);
    for (size_t i = 0; i < rank; i++)
        buffer_format(&text, "%s%zu", i ? ", " : "", shape[i]);
    buffer_text(&text, rank == 1 ? ",), }" : "), }");
    while ((10 + text.size + 1) % 64 && !text.failed)
        buffer_text(&text, " ");
    buffer_text(&text, "\n");
    buffer_append(out, "\x93NUMPY\1", 7);
    buffer_append(out, (char[]){0, (char)(text.size & 255), (char)(text.size >> 8)}, 3);
    if (text.data)
        buffer_append(out, text.data, text.size);
    out->failed = out->failed || text.failed;
    buffer_free(&text);
}

static clipseg_status begin(struct output *output, clipseg_error *error)
{
    const struct result *r = output->result;
    struct buffer header = {0};

    npy_header(&header, "<f4", (const size_t[]){r->prompt_count, r->size, r->size}, 3);
    return shapes_print(output->stream, &header, error);
}

static clipseg_status add(struct output *output, const struct answer *answer, clipseg_error *error)
{
    size_t count = output->result->size * output->result->size;

    if (fwrite(answer->logits, sizeof *answer->logits, count, output->stream) != count)
        return error_set(error, CLIPSEG_ERROR_IO, "npy: cannot be written");
    return CLIPSEG_OK;
}

const struct format format_npy = {.name = "npy",
                                  .suffix = ".npy",
                                  .help = "raw logits, float32 (prompts, S, S)",
                                  .begin = begin,
                                  .add = add};
