/* kind.h: what a file is, judged by its first bytes. */
#ifndef CHECKPOINT_KIND_H
#define CHECKPOINT_KIND_H

#include "checkpoint/checkpoint.h"

enum file_kind {
    KIND_SAFETENSORS,
    KIND_GGUF,
    KIND_ZIP,          /* what torch.save writes */
    KIND_TORCH_LEGACY, /* what it wrote before version 1.6 */
    KIND_OTHER
};

enum file_kind file_kind(const unsigned char *data, size_t size);

/* Is it a file whose content is tensors alone, so that weights_read takes it? */
bool kind_has_weights(enum file_kind kind);

/* What this file is if it is no model, and what to do about it. Always MODEL. */
clipseg_status refuse_file(const char *file, const unsigned char *data, size_t size, clipseg_error *error);

/* Append the tensors of a file of weights (safetensors or torch), which must outlive the checkpoint as `file`
 * must; sets the checkpoint's format. Errors: MODEL, MEMORY. */
clipseg_status weights_read(struct checkpoint *checkpoint, const char *file, const unsigned char *data,
                            size_t size, clipseg_error *error);

#endif
