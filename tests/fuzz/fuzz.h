/* fuzz.h: what several targets need. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a header promises; a promise that is broken is a finding. */
static inline void must(bool promise)
{
    if (!promise)
        abort();
}

/* The input as a file, for what opens its files itself. path: as mkstemp wants it; to be unlinked if true. */
static inline bool input_to_file(char *path, const uint8_t *data, size_t size)
{
    int file = mkstemp(path);

    if (file < 0)
        return false;
    bool written = write(file, data, size) == (ssize_t)size;
    close(file);
    if (!written)
        unlink(path);
    return written;
}

#endif
