/* list.h: building a checkpoint: its strings, mapped files and tensors. */
#ifndef CHECKPOINT_LIST_H
#define CHECKPOINT_LIST_H

#include "checkpoint/checkpoint.h"

/* false: memory is out. The checkpoint owns what is added. */
char *checkpoint_keep_string(struct checkpoint *checkpoint, const char *text, size_t length);
bool checkpoint_add_map(struct checkpoint *checkpoint, struct file_map map);
bool checkpoint_add_tensor(struct checkpoint *checkpoint, const struct tensor *tensor);
bool checkpoint_add_text(struct checkpoint *checkpoint, const char *name, const void *data, size_t size);

/* Other content for a text of this name, kept by the checkpoint; NULL: the text goes. */
bool checkpoint_replace_text(struct checkpoint *checkpoint, const char *name, const char *content);

/* Maps and strings of `from` become those of `checkpoint`. */
bool checkpoint_take_over(struct checkpoint *checkpoint, struct checkpoint *from);

/* Sort by name and refuse names that occur twice. */
clipseg_status checkpoint_sort(struct checkpoint *checkpoint, clipseg_error *error);

bool tensor_type_find(const char *name, enum tensor_type *type);

#endif
