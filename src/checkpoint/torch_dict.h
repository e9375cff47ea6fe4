/* torch_dict.h: from a pickled state_dict and its storages to tensors; what both torch formats share. */
#ifndef CHECKPOINT_TORCH_DICT_H
#define CHECKPOINT_TORCH_DICT_H

#include "checkpoint/checkpoint.h"
#include "checkpoint/pickle.h"

/* The bytes of a storage, by the key that the pickle uses. */
struct torch_record {
    const char *key; /* [length] */
    size_t length;
    const unsigned char *data;
    size_t size;  /* bytes */
    size_t count; /* elements, as far as the older format needs it */
};

struct torch_records {
    struct torch_record *list; /* sorted by torch_records_sort */
    size_t count;
};

void torch_records_sort(struct torch_records *records);
const struct torch_record *torch_record_find(const struct torch_records *records, const char *key,
                                             size_t length);

/* What a persistent id says: element type, key, number of elements. Errors: MODEL. */
struct torch_storage {
    enum tensor_type type;
    const char *key;
    size_t length, count;
};

clipseg_status torch_storage_read(struct torch_storage *storage, const char *file,
                                  const struct pickle *pickle, const struct pickle_value *value,
                                  clipseg_error *error);

/* Append all tensors of the dict that the pickle is (or of its member "state_dict"). Errors: MODEL, MEMORY.
 */
clipseg_status torch_dict_read(struct checkpoint *checkpoint, const char *file, const struct pickle *pickle,
                               const struct torch_records *records, clipseg_error *error);

#endif
