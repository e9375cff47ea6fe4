/* gguf_write.c: the header of a GGUF file, and the padding between its tensors. */
#include <string.h>

#include "base/checked.h"
#include "checkpoint/gguf.h"
#include "checkpoint/gguf_types.h"

static void append_number(struct buffer *buffer, uint64_t number, size_t bytes)
{
    unsigned char raw[8];

    for (size_t i = 0; i < bytes; i++)
        raw[i] = (unsigned char)(number >> 8 * i);
    buffer_append(buffer, raw, bytes);
}

static void append_text(struct buffer *buffer, const void *text, size_t size)
{
    append_number(buffer, size, 8);
    buffer_append(buffer, text, size);
}

static struct buffer *begin_key(struct gguf_header *header, const char *key, enum gguf_type type)
{
    append_text(&header->keys, key, strlen(key));
    append_number(&header->keys, type, 4);
    header->key_count++;
    return &header->keys;
}

void gguf_add_number(struct gguf_header *header, const char *key, uint32_t value)
{
    append_number(begin_key(header, key, GGUF_U32), value, 4);
}

void gguf_add_text(struct gguf_header *header, const char *key, const void *text, size_t size)
{
    append_text(begin_key(header, key, GGUF_STRING), text, size);
}

void gguf_add_integers(struct gguf_header *header, const char *key, const int32_t *values, size_t count)
{
    struct buffer *keys = begin_key(header, key, GGUF_ARRAY);

    append_number(keys, GGUF_I32, 4);
    append_number(keys, count, 8);
    for (size_t i = 0; i < count; i++)
        append_number(keys, (uint32_t)values[i], 4);
}

static uint64_t number_of(enum tensor_type type)
{
    switch (type) {
    case TENSOR_F16:
        return GGUF_TENSOR_F16;
    case TENSOR_I8:
        return GGUF_TENSOR_I8;
    case TENSOR_I16:
        return GGUF_TENSOR_I16;
    case TENSOR_I32:
        return GGUF_TENSOR_I32;
    default:
        return GGUF_TENSOR_F32;
    }
}

void gguf_add_tensor(struct gguf_header *header, const char *name, enum tensor_type type, size_t rank,
                     const size_t *shape)
{
    size_t bytes = tensor_type_size(type);

    append_text(&header->tensors, name, strlen(name));
    append_number(&header->tensors, rank, 4);
    for (size_t i = rank; i-- > 0;) { /* GGUF names the fastest dimension first */
        append_number(&header->tensors, shape[i], 8);
        bytes *= shape[i];
    }
    append_number(&header->tensors, number_of(type), 4);
    append_number(&header->tensors, header->offset, 8);
    header->tensor_count++;
    header->offset = round_up(header->offset + bytes, GGUF_ALIGNMENT);
}

bool gguf_write_header(const struct gguf_header *header, FILE *stream)
{
    struct buffer start = {0};

    buffer_append(&start, "GGUF", 4);
    append_number(&start, GGUF_VERSION, 4);
    append_number(&start, header->tensor_count, 8);
    append_number(&start, header->key_count, 8);
    bool complete = !start.failed && !header->keys.failed && !header->tensors.failed;
    if (complete) {
        fwrite(start.data, 1, start.size, stream);
        fwrite(header->keys.data, 1, header->keys.size, stream);
        fwrite(header->tensors.data, 1, header->tensors.size, stream);
        gguf_write_padding(start.size + header->keys.size + header->tensors.size, stream);
    }
    buffer_free(&start);
    return complete;
}

void gguf_write_padding(size_t written, FILE *stream)
{
    static const char nothing[GGUF_ALIGNMENT];

    fwrite(nothing, 1, round_up(written, GGUF_ALIGNMENT) - written, stream);
}

void gguf_header_free(struct gguf_header *header)
{
    buffer_free(&header->keys);
    buffer_free(&header->tensors);
    *header = (struct gguf_header){0};
}
