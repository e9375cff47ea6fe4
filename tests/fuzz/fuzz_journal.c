/* fuzz_journal.c: a journal file with any content opens, and what it holds can be read. */
#include "base/journal.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[] = "/tmp/fuzz-journal-XXXXXX";
    struct journal *journal = NULL;

    if (!input_to_file(path, data, size))
        return 0;
    if (!journal_open(&journal, path, NULL)) {
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
