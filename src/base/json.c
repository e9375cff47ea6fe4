/* json.c: strict JSON. */
#include "base/json.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/error.h"

#define DEEPEST 64
#define MOST_MEMORY ((size_t)36 << 20)

/* What jansson allocates, about: for an object, a list, and one more value in either. */
#define OBJECT_MEMORY 300
#define LIST_MEMORY 130
#define VALUE_MEMORY 100

/* Found in one pass without recursion, before the parser (which recurses) sees the text. */
struct outline {
    bool too_deep;
    size_t memory;
};

static struct outline find_outline(const char *data, size_t size)
{
    struct outline outline = {false, 2 * size};
    size_t depth = 0;
    bool quoted = false;

    for (size_t i = 0; i < size && !outline.too_deep; i++) {
        if (quoted) {
            i += data[i] == '\\';
            quoted = i < size && data[i] != '"';
        } else if (data[i] == '"') {
            quoted = true;
        } else if (data[i] == '{' || data[i] == '[') {
            outline.memory += data[i] == '{' ? OBJECT_MEMORY : LIST_MEMORY;
            outline.too_deep = ++depth > DEEPEST;
        } else if (data[i] == ',') {
            outline.memory += VALUE_MEMORY;
        } else if ((data[i] == '}' || data[i] == ']') && depth) {
            depth--;
        }
    }
    return outline;
}

clipseg_status json_parse(json_t **root, const void *data, size_t size, const char *name,
                          clipseg_status status, clipseg_error *error)
{
    json_error_t reason;

    if (find_outline(data, size).too_deep)
        return error_set(error, status, "%s: JSON is nested deeper than %d levels", name, DEEPEST);
    errno = 0; /* the parser rarely says that memory is out, malloc always does */
    *root = json_loadb(data, size, JSON_REJECT_DUPLICATES, &reason);
    if (*root)
        return CLIPSEG_OK;
    if (errno == ENOMEM || json_error_code(&reason) == json_error_out_of_memory)
        return error_memory(error);
    return error_set(error, status, "%s: line %d, column %d: no valid JSON: %s", name, reason.line,
                     reason.column, reason.text);
}

clipseg_status json_parse_limited(json_t **root, const void *data, size_t size, size_t largest,
                                  const char *name, clipseg_status status, clipseg_error *error)
{
    if (size > largest)
        return error_set(error, status, "%s: %zu bytes of JSON, more than the %zu that are read", name, size,
                         largest);
    if (find_outline(data, size).memory > MOST_MEMORY)
        return error_set(error, status, "%s: JSON with more values than such a file has", name);
    return json_parse(root, data, size, name, status, error);
}

clipseg_status json_read_size(const json_t *object, const char *key, size_t minimum, size_t maximum,
                              size_t missing, size_t *value, const char *name, clipseg_error *error)
{
    const json_t *member = json_object_get(object, key);

    *value = missing;
    if (!member || json_is_null(member))
        return CLIPSEG_OK;
    if (!json_is_integer(member))
        return error_set(error, CLIPSEG_ERROR_MODEL, "%s: %s: want a whole number", name, key);
    json_int_t number = json_integer_value(member);
    if (number < 0 || (size_t)number < minimum || (size_t)number > maximum)
        return error_set(error, CLIPSEG_ERROR_MODEL, "%s: %s: %lld is out of range, want %zu to %zu", name,
                         key, (long long)number, minimum, maximum);
    *value = (size_t)number;
    return CLIPSEG_OK;
}

clipseg_status json_read_number(const json_t *object, const char *key, double missing, double *value,
                                const char *name, clipseg_error *error)
{
    const json_t *member = json_object_get(object, key);

    *value = missing;
    if (!member || json_is_null(member))
        return CLIPSEG_OK;
    if (!json_is_number(member) || !isfinite(json_number_value(member)))
        return error_set(error, CLIPSEG_ERROR_MODEL, "%s: %s: want a number", name, key);
    *value = json_number_value(member);
    return CLIPSEG_OK;
}

clipseg_status json_read_bool(const json_t *object, const char *key, bool missing, bool *value,
                              const char *name, clipseg_error *error)
{
    const json_t *member = json_object_get(object, key);

    *value = missing;
    if (!member || json_is_null(member))
        return CLIPSEG_OK;
    if (!json_is_boolean(member))
        return error_set(error, CLIPSEG_ERROR_MODEL, "%s: %s: want true or false", name, key);
    *value = json_boolean_value(member);
    return CLIPSEG_OK;
}
