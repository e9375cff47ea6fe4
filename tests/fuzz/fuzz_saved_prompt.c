/* fuzz_saved_prompt.c: a file of `clipseg prompt`; inputs that begin with '+' are what prompts are mixed of.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "segment/mix.h"
#include "segment/saved_prompt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_mix(const uint8_t *data, size_t size)
{
    char *text = memory_string((const char *)data, size);
    struct mix mix;
    clipseg_error error;

    if (text && !mix_parse(&mix, text, &error)) {
        if (!mix.count || mix.count > MIX_MOST)
            abort();
        mix_free(&mix);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct saved_prompt prompt;
    clipseg_error error;

    if (size && data[0] == '+')
        read_mix(data + 1, size - 1);
    else if (!saved_prompt_read(&prompt, data, size, "input", &error))
        saved_prompt_free(&prompt);
    return 0;
}
