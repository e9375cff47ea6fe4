/* files.h: where a checkpoint's files come from: a directory, or memory. */
#ifndef CHECKPOINT_FILES_H
#define CHECKPOINT_FILES_H

#include "checkpoint/checkpoint.h"

struct file_source {
    const char *directory;     /* a path, or NULL for files in memory */
    const clipseg_file *files; /* [count] */
    size_t count;
};

bool file_source_has(const struct file_source *source, const char *name);

/* Map or find a file; what is mapped belongs to the checkpoint. file: its name for messages, kept by the
 * checkpoint. */
clipseg_status file_source_read(const struct file_source *source, struct checkpoint *checkpoint,
                                const char *name, const unsigned char **data, size_t *size, const char **file,
                                clipseg_error *error);

/* Weights of a Hugging Face model: model.safetensors, or the shards that model.safetensors.index.json names.
 */
clipseg_status huggingface_read(struct checkpoint *checkpoint, const struct file_source *source,
                                clipseg_error *error);

#endif
