/* buffer.c: bytes that grow at the end. */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/utf8.h"

/* Room for `more` bytes and a NUL. */
static bool reserve(struct buffer *buffer, size_t more)
{
    size_t needed;

    if (buffer->failed || !size_add(buffer->size, more, &needed) || !size_add(needed, 1, &needed)) {
        buffer->failed = true;
        return false;
    }
    if (needed <= buffer->capacity)
        return true;
    size_t capacity =
        size_max(needed, buffer->capacity < 128 ? 256 : buffer->capacity + buffer->capacity / 2);
    char *data = realloc(buffer->data, capacity);
    if (!data) {
        buffer->failed = true;
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

void buffer_append(struct buffer *buffer, const void *data, size_t size)
{
    if (!reserve(buffer, size))
        return;
    if (size)
        memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    buffer->data[buffer->size] = 0;
}

void buffer_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

void buffer_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0 || !reserve(buffer, (size_t)length)) {
        buffer->failed = true;
        return;
    }
    va_start(arguments, format);
    vsnprintf(buffer->data + buffer->size, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buffer->size += (size_t)length;
}

void buffer_json_string(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, "\"", 1);
    for (const unsigned char *s = (const unsigned char *)text; *s;) {
        size_t length = utf8_sequence((const char *)s);
        if (*s == '"' || *s == '\\')
            buffer_format(buffer, "\\%c", *s);
        else if (*s < 0x20 || *s == 0x7f)
            buffer_format(buffer, "\\u%04x", *s);
        else if (length)
            buffer_append(buffer, s, length);
        else
            buffer_text(buffer, "\xef\xbf\xbd");
        s += length ? length : 1;
    }
    buffer_append(buffer, "\"", 1);
}

void buffer_xml(struct buffer *buffer, const char *text)
{
    for (const unsigned char *s = (const unsigned char *)text; *s;) {
        size_t length = utf8_sequence((const char *)s);
        const char *name = *s == '&'    ? "&amp;"
                           : *s == '<'  ? "&lt;"
                           : *s == '>'  ? "&gt;"
                           : *s == '"'  ? "&quot;"
                           : *s == '\'' ? "&apos;"
                                        : NULL;
        /* line ends and tabs would be normalised to spaces in an attribute */
        if (name)
            buffer_text(buffer, name);
        else if (*s == '\t' || *s == '\n' || *s == '\r')
            buffer_format(buffer, "&#%d;", *s);
        else if (!length || *s < 0x20 || (*s == 0xef && s[1] == 0xbf && s[2] >= 0xbe))
            buffer_text(buffer, "\xef\xbf\xbd");
        else
            buffer_append(buffer, s, length);
        s += length ? length : 1;
    }
}

void buffer_base64(struct buffer *buffer, const void *data, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *bytes = data;

    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        unsigned value = (unsigned)bytes[i] << 16 | (left > 1 ? (unsigned)bytes[i + 1] << 8 : 0) |
                         (left > 2 ? (unsigned)bytes[i + 2] : 0);
        char four[4] = {digits[value >> 18], digits[value >> 12 & 63],
                        left > 1 ? digits[value >> 6 & 63] : '=', left > 2 ? digits[value & 63] : '='};
        buffer_append(buffer, four, 4);
    }
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}
