/* fuzz_safetensors.c: the header of a safetensors file. */
#include "checkpoint/list.h"
#include "checkpoint/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct checkpoint checkpoint = {0};
    clipseg_error error;

    if (!safetensors_read(&checkpoint, "input", data, size, &error) && !checkpoint_sort(&checkpoint, &error))
        for (size_t i = 0; i < checkpoint.tensor_count; i++) {
            const struct tensor *tensor = &checkpoint.tensors[i];
            volatile unsigned sum = 0;
            for (size_t k = 0; k < tensor->count * tensor_type_size(tensor->type); k++)
                sum += tensor->data[k];
            (void)sum;
        }
    checkpoint_close(&checkpoint);
    return 0;
}
