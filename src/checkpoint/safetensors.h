/* safetensors.h: one safetensors file into a checkpoint's list of tensors. */
#ifndef CHECKPOINT_SAFETENSORS_H
#define CHECKPOINT_SAFETENSORS_H

#include "checkpoint/checkpoint.h"

/* Check the whole header and append the file's tensors. `file` must outlive the checkpoint and names the file
 * in messages; data stays where it is. Errors: MODEL, MEMORY. */
clipseg_status safetensors_read(struct checkpoint *checkpoint, const char *file, const unsigned char *data,
                                size_t size, clipseg_error *error);

#endif
