/* fuzz_config.c: config.json (inputs that begin with 'p': preprocessor_config.json). */
#include "model/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool preprocessor = size && data[0] == 'p';
    clipseg_file file = {preprocessor ? "preprocessor_config.json" : "config.json", data + preprocessor,
                         size - preprocessor};
    struct checkpoint checkpoint = {.name = "input", .texts = &file, .text_count = 1};
    struct config config;
    struct preprocess preprocess;
    clipseg_error error;

    if (preprocessor ? preprocess_read(&preprocess, &checkpoint, &error)
                     : config_read(&config, &checkpoint, &error))
        return 0;
    return 0;
}
