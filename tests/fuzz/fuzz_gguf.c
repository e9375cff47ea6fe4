/* fuzz_gguf.c: the header of a packed file, and the tokenizer's tables in it. */
#include "checkpoint/gguf.h"
#include "tests/fuzz/read_weights.h"
#include "text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_tokenizer(const struct checkpoint *checkpoint)
{
    const clipseg_file *special = checkpoint_text(checkpoint, "tokenizer.special");
    const clipseg_file *bytes = checkpoint_text(checkpoint, "tokenizer.bytes");
    const clipseg_file *merges = checkpoint_text(checkpoint, "tokenizer.merges");
    struct tokenizer *tokenizer = NULL;
    clipseg_error error;
    int32_t ids[64];
    size_t count;

    if (!special || !bytes || !merges ||
        tokenizer_from_tables(&tokenizer, "input", special, bytes, merges, &error))
        return;
    if (!tokenizer_encode(tokenizer, "a photo of it's 2 cups", 22, ids, 64, &count, &error))
        for (size_t i = 0; i < count && i < 64; i++)
            if (ids[i] < 0 || (size_t)ids[i] >= tokenizer_size(tokenizer))
                __builtin_trap();
    tokenizer_free(tokenizer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct checkpoint checkpoint = {0};
    clipseg_error error;

    if (!gguf_read(&checkpoint, "input", data, size, &error)) {
        read_weights(&checkpoint);
        use_tokenizer(&checkpoint);
    }
    checkpoint_close(&checkpoint);
    return 0;
}
