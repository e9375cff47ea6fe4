/* read_weights.h: reads all tensors of a checkpoint, so that a wrong place or size shows. */
#ifndef TESTS_FUZZ_READ_WEIGHTS_H
#define TESTS_FUZZ_READ_WEIGHTS_H

#include "checkpoint/checkpoint.h"

static inline void read_weights(const struct checkpoint *checkpoint)
{
    volatile unsigned sum = 0;

    for (size_t i = 0; i < checkpoint->tensor_count; i++) {
        const struct tensor *tensor = &checkpoint->tensors[i];
        if (tensor_is_float(tensor))
            for (size_t k = 0; k < tensor->count; k++) {
                float value;
                tensor_read_f32(tensor, k, 1, &value);
                sum += value > 0.0f;
            }
        else if (!tensor->strided)
            for (size_t k = 0; k < tensor->count * tensor_type_size(tensor->type); k++)
                sum += tensor->data[k];
    }
    (void)sum;
}

#endif
