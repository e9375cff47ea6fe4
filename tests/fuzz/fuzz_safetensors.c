/* fuzz_safetensors.c: the header of a safetensors file. */
#include "checkpoint/list.h"
#include "checkpoint/safetensors.h"
#include "tests/fuzz/read_weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct checkpoint checkpoint = {0};
    clipseg_error error;

    if (!safetensors_read(&checkpoint, "input", data, size, &error) && !checkpoint_sort(&checkpoint, &error))
        read_weights(&checkpoint);
    checkpoint_close(&checkpoint);
    return 0;
}
