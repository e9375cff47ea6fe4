/* fuzz_pickle.c: the stack machine that reads pickles as data. */
#include "checkpoint/pickle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every value can be reached and read. */
static size_t count_bytes(const struct pickle *pickle)
{
    size_t sum = 0;

    for (size_t i = 0; i < pickle->value_count; i++) {
        const struct pickle_value *value = &pickle->values[i];
        for (size_t k = 0; k < value->length; k++)
            sum += (unsigned char)value->text[k];
        for (size_t k = 0; k < value->count; k++)
            sum += pickle_item(pickle, value, k)->kind;
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pickle pickle;
    clipseg_error error;
    volatile size_t sum = 0;

    if (!pickle_read(&pickle, "input", 0, data, size, &error)) {
        sum = count_bytes(&pickle);
        pickle_free(&pickle);
    }
    (void)sum;
    return 0;
}
