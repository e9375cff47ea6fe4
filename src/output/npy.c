/* npy.c: the raw logits as a numpy array of float32, (prompts, S, S). */
#include <string.h>

#include "base/error.h"
#include "output/output.h"

/* Version 1.0: magic, length of the header, a Python literal padded with spaces to a multiple of 64. */
static clipseg_status begin(struct output *output, clipseg_error *error)
{
    unsigned char header[128];
    int length;

    memset(header, ' ', sizeof header);
    memcpy(header, "\x93NUMPY\1\0\x76\0", 10); /* 118 bytes follow */
    length = snprintf((char *)header + 10, sizeof header - 10,
                      "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu, %zu), }",
                      output->result->prompt_count, output->result->size, output->result->size);
    header[10 + length] = ' ';
    header[sizeof header - 1] = '\n';
    if (fwrite(header, sizeof header, 1, output->stream) != 1)
        return error_set(error, CLIPSEG_ERROR_IO, "npy: cannot be written");
    return CLIPSEG_OK;
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
