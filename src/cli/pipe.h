/* pipe.h: reading stdin in a way that an interruption ends, whichever thread the signal meets. */
#ifndef CLI_PIPE_H
#define CLI_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pipe {
    size_t first, end; /* what lies in `bytes` and has not been taken */
    uint8_t bytes[1 << 16];
};

/* Up to `size` bytes; less at the end of the stream, after an error, and when a stop was asked for. */
size_t pipe_read(struct pipe *pipe, void *out, size_t size);

/* A line without its newline, as a string; false: it did not end within `size` bytes. *end: nothing came. */
bool pipe_line(struct pipe *pipe, char *out, size_t size, bool *end);

#endif
