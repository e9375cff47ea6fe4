/* error.h: filling a caller's clipseg_error. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "clipseg.h"

/* Write the message into `error` (may be NULL), made safe to print on one line (control characters and
 * bytes that are no UTF-8 become '?'), and return `status`, so that callers write `return error_set(error,
 * CLIPSEG_ERROR_IO, "%s: ...", path);`. */
__attribute__((format(printf, 3, 4))) clipseg_status error_set(clipseg_error *error, clipseg_status status,
                                                               const char *format, ...);

/* The one sentence for a failed allocation. */
clipseg_status error_memory(clipseg_error *error);

#ifdef __clang_analyzer__ /* shows the static analyser that the given status comes back */
#define error_set(error, status, ...) ((void)(error), (status))
#define error_memory(error) ((void)(error), CLIPSEG_ERROR_MEMORY)
#endif

#endif
