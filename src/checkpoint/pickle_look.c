/* pickle_look.c: looking at what a pickle held. */
#include <string.h>

#include "checkpoint/pickle.h"

const struct pickle_value *pickle_item(const struct pickle *pickle, const struct pickle_value *value,
                                       size_t item)
{
    return item < value->count ? &pickle->values[value->items[item]] : NULL;
}

static bool same(const char *a, uint32_t length, const char *b)
{
    return length == strlen(b) && !memcmp(a, b, length);
}

bool pickle_is_text(const struct pickle_value *value, const char *text)
{
    return value && value->kind == PICKLE_TEXT && same(value->text, value->length, text);
}

bool pickle_is_global(const struct pickle_value *value, const char *module, const char *name)
{
    return value && value->kind == PICKLE_GLOBAL && same(value->text, value->length, module) &&
           same(value->name, value->name_length, name);
}

const struct pickle_value *pickle_member(const struct pickle *pickle, const struct pickle_value *dict,
                                         const char *key)
{
    for (size_t i = 0; i + 1 < dict->count; i += 2)
        if (pickle_is_text(pickle_item(pickle, dict, i), key))
            return pickle_item(pickle, dict, i + 1);
    return NULL;
}

const char *pickle_kind_name(enum pickle_kind kind)
{
    static const char *const names[] = {
        [PICKLE_NONE] = "None",         [PICKLE_BOOL] = "a truth value", [PICKLE_INTEGER] = "a number",
        [PICKLE_FLOAT] = "a number",    [PICKLE_TEXT] = "a text",        [PICKLE_GLOBAL] = "a Python object",
        [PICKLE_TUPLE] = "a tuple",     [PICKLE_LIST] = "a list",        [PICKLE_DICT] = "a dict",
        [PICKLE_STORAGE] = "a storage", [PICKLE_TENSOR] = "a tensor"};

    return names[kind];
}
