/* json.h: strict reading of JSON (through jansson) with messages that name file and place. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "clipseg.h"

/* Parse `size` bytes that must be one JSON object or array: duplicate keys, NUL in strings, trailing data,
 * bad UTF-8 and nesting deeper than 64 are refused. name: for messages. status: what a refusal is (MODEL,
 * USAGE, ...). */
clipseg_status json_parse(json_t **root, const void *data, size_t size, const char *name,
                          clipseg_status status, clipseg_error *error);

/* The same for files that strangers wrote: a text longer than `largest`, or one that would take tens of
 * megabytes as a document however short it is (`[[],[],...`), is refused before it is parsed. */
clipseg_status json_parse_limited(json_t **root, const void *data, size_t size, size_t largest,
                                  const char *name, clipseg_status status, clipseg_error *error);

#define JSON_LARGEST_CONFIG ((size_t)4 << 20)     /* configurations, indices, headers, prompts, categories */
#define JSON_LARGEST_VOCABULARY ((size_t)8 << 20) /* CLIP's tokenizer.json has 2 to 4 MB */

/* Members of an object, with a default where they are missing; a member of another type or out of range is an
 * error naming `name` and the key. */
clipseg_status json_read_size(const json_t *object, const char *key, size_t minimum, size_t maximum,
                              size_t missing, size_t *value, const char *name, clipseg_error *error);
clipseg_status json_read_number(const json_t *object, const char *key, double missing, double *value,
                                const char *name, clipseg_error *error);
clipseg_status json_read_bool(const json_t *object, const char *key, bool missing, bool *value,
                              const char *name, clipseg_error *error);

#endif
