/* fuzz_journal.c: a journal file with any content opens, and what it holds can be read. */
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[] = "/tmp/fuzz-journal-XXXXXX";
    int file = mkstemp(path);
    struct journal *journal = NULL;

    if (file < 0)
        return 0;
    bool written = write(file, data, size) == (ssize_t)size;
    close(file);
    if (written && !journal_open(&journal, path, NULL)) {
        struct buffer pieces[2] = {{0}};
        bool found;
        for (uint64_t key = 0; key < 4; key++)
            if (journal_read(journal, key, pieces, 2, &found, NULL))
                break;
        buffer_free(&pieces[0]);
        buffer_free(&pieces[1]);
        journal_close(&journal, false);
    }
    unlink(path);
    return 0;
}
