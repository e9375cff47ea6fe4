/* torch.h: what torch.save writes: a pickle that names the tensors, and their bytes beside it. */
#ifndef CHECKPOINT_TORCH_H
#define CHECKPOINT_TORCH_H

#include "checkpoint/checkpoint.h"

/* Does the file begin as torch.save's format before version 1.6 does? */
bool torch_is_legacy(const unsigned char *data, size_t size);

/* Append the tensors of the state_dict in a zip archive (torch 1.6 and later), or in the older format.
 * Nothing in the file is executed. `file` must outlive the checkpoint; data stays where it is. Errors: MODEL,
 * MEMORY.
 */
clipseg_status torch_zip_read(struct checkpoint *checkpoint, const char *file, const unsigned char *data,
                              size_t size, clipseg_error *error);
clipseg_status torch_legacy_read(struct checkpoint *checkpoint, const char *file, const unsigned char *data,
                                 size_t size, clipseg_error *error);

#endif
