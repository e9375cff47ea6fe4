/* fuzz_torch.c: torch files: the zip archive or the older format, the pickle in it, and the views. */
#include "checkpoint/list.h"
#include "checkpoint/torch.h"
#include "tests/fuzz/read_weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct checkpoint checkpoint = {0};
    clipseg_error error;
    clipseg_status status = torch_is_legacy(data, size)
                                ? torch_legacy_read(&checkpoint, "input", data, size, &error)
                                : torch_zip_read(&checkpoint, "input", data, size, &error);

    if (!status && !checkpoint_sort(&checkpoint, &error))
        read_weights(&checkpoint);
    checkpoint_close(&checkpoint);
    return 0;
}
