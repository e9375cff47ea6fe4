/* buffer.h: bytes that grow at the end: texts, JSON, files that are being composed. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *data;  /* NUL-terminated whenever not NULL; owned */
    size_t size; /* bytes without that NUL */
    size_t capacity;
    bool failed; /* memory ran out at some point: the content is not complete; checked once at the end */
};

void buffer_append(struct buffer *buffer, const void *data, size_t size);
void buffer_text(struct buffer *buffer, const char *text);
__attribute__((format(printf, 2, 3))) void buffer_format(struct buffer *buffer, const char *format, ...);
/* `text` as a JSON string with quotes; invalid UTF-8 becomes U+FFFD. */
void buffer_json_string(struct buffer *buffer, const char *text);
/* `text` as XML in an element or an attribute; what XML cannot hold becomes U+FFFD. */
void buffer_xml(struct buffer *buffer, const char *text);
/* The bytes as base64 with padding. */
void buffer_base64(struct buffer *buffer, const void *data, size_t size);
void buffer_free(struct buffer *buffer);

#endif
