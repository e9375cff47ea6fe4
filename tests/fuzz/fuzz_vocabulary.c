/* fuzz_vocabulary.c: vocab.json and merges.txt, parted by a NUL byte, or a tokenizer.json. */
#include <string.h>

#include "text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *split = size ? memchr(data, 0, size) : NULL;
    struct tokenizer *tokenizer = NULL;
    clipseg_error error;
    clipseg_status status;
    size_t count;

    if (split)
        status = tokenizer_from_vocabulary(&tokenizer, "input", data, (size_t)(split - data), split + 1,
                                           size - (size_t)(split - data) - 1, &error);
    else
        status = tokenizer_from_json(&tokenizer, "input", data, size, &error);
    if (!status)
        status = tokenizer_encode(tokenizer, "a photo of it's 2 cups", 22, NULL, 0, &count, &error);
    tokenizer_free(tokenizer);
    return 0;
}
