/* pipe.c: stdin through a buffer of our own. */
#include "cli/pipe.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "cli/command.h"

#define LOOK_UP 100 /* milliseconds between two looks whether to stop */

/* As read(2), but 0 when a stop was asked for. */
static size_t read_some(void *out, size_t size)
{
    struct pollfd wait = {.fd = STDIN_FILENO, .events = POLLIN};

    while (!signals_stop()) {
        int ready = poll(&wait, 1, LOOK_UP);
        if (ready == 0 || (ready < 0 && errno == EINTR))
            continue;
        ssize_t count = ready < 0 ? -1 : read(STDIN_FILENO, out, size);
        if (count >= 0 || (errno != EINTR && errno != EAGAIN))
            return count > 0 ? (size_t)count : 0;
    }
    return 0;
}

size_t pipe_read(struct pipe *p, void *out, size_t size)
{
    size_t done = size_min(size, p->end - p->first), part = 1;

    memcpy(out, p->bytes + p->first, done);
    p->first += done;
    while (done < size && part) {
        part = read_some((uint8_t *)out + done, size - done);
        done += part;
    }
    return done;
}

bool pipe_line(struct pipe *p, char *out, size_t size, bool *end)
{
    size_t length = 0;

    *end = false;
    while (length < size) {
        if (p->first == p->end) {
            p->first = 0;
            p->end = read_some(p->bytes, sizeof p->bytes);
        }
        *end = !p->end && !length;
        if (!p->end)
            break;
        out[length] = (char)p->bytes[p->first++];
        if (out[length] == '\n') {
            out[length] = 0;
            return true;
        }
        length++;
    }
    out[size_min(length, size - 1)] = 0;
    return false;
}
