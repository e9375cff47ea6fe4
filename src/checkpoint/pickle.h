/* pickle.h: a pickle as data. Nothing is ever imported, called or built: the few forms that a state_dict
 * consists of are recognised, everything else is refused by name and place. */
#ifndef CHECKPOINT_PICKLE_H
#define CHECKPOINT_PICKLE_H

#include <stdbool.h>

#include "clipseg.h"

#define PICKLE_LARGEST ((size_t)4 << 20) /* bytes that are read */

enum pickle_kind {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_INTEGER,
    PICKLE_FLOAT, /* its value is not kept */
    PICKLE_TEXT,
    PICKLE_GLOBAL, /* text: MODULE.NAME as far as the pickle's bytes go, see pickle_is_global */
    PICKLE_TUPLE,
    PICKLE_LIST,
    PICKLE_DICT,    /* items: key, value, key, value, ... */
    PICKLE_STORAGE, /* items: those of the persistent id ("storage", type, key, device, count, ...) */
    PICKLE_TENSOR,  /* items: the arguments of _rebuild_tensor_v2 (storage, offset, shape, strides, ...) */
};

struct pickle_value {
    enum pickle_kind kind;
    size_t at;        /* the byte of the pickle that made it, for messages */
    int64_t number;   /* BOOL, INTEGER */
    const char *text; /* TEXT and GLOBAL: [length] in the pickle, not terminated */
    uint32_t length;
    const char *name; /* GLOBAL: [name_length] */
    uint32_t name_length;
    uint32_t *items; /* [count] numbers of values; storages and tensors share those of a tuple */
    uint32_t count;
};

struct pickle {
    struct pickle_value *values;
    uint32_t value_count;
    uint32_t root; /* the number of the value that the pickle is */
    size_t size;   /* bytes up to and including its STOP */
};

/* Read one pickle from the start of `data`. file: for messages; base: what to add to places in them.
 * Errors: MODEL, MEMORY. */
clipseg_status pickle_read(struct pickle *pickle, const char *file, size_t base, const unsigned char *data,
                           size_t size, clipseg_error *error);

void pickle_free(struct pickle *pickle);

/* The item of this number of a container, or NULL when it has fewer. */
const struct pickle_value *pickle_item(const struct pickle *pickle, const struct pickle_value *value,
                                       size_t item);

bool pickle_is_text(const struct pickle_value *value, const char *text);
bool pickle_is_global(const struct pickle_value *value, const char *module, const char *name);

/* The value of this key, or NULL. */
const struct pickle_value *pickle_member(const struct pickle *pickle, const struct pickle_value *dict,
                                         const char *key);

const char *pickle_kind_name(enum pickle_kind kind); /* "a tuple", ... */

#endif
