/* error.c: messages that are safe to print on one line. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"

#undef error_set
#undef error_memory

clipseg_status error_set(clipseg_error *error, clipseg_status status, const char *format, ...)
{
    va_list arguments;

    if (!error)
        return status;
    error->status = status;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    utf8_one_line(error->text); /* also a character that was cut at the end */
    return status;
}

clipseg_status error_memory(clipseg_error *error)
{
    return error_set(error, CLIPSEG_ERROR_MEMORY, "out of memory");
}

const char *clipseg_version(void)
{
    return CLIPSEG_VERSION;
}

const char *clipseg_status_string(clipseg_status status)
{
    switch (status) {
    case CLIPSEG_OK:
        return "done";
    case CLIPSEG_ERROR_USAGE:
        return "usage";
    case CLIPSEG_ERROR_MODEL:
        return "model rejected";
    case CLIPSEG_ERROR_IMAGE:
        return "image rejected";
    case CLIPSEG_ERROR_IO:
        return "file cannot be read or written";
    case CLIPSEG_ERROR_NETWORK:
        return "network";
    case CLIPSEG_ERROR_MEMORY:
        return "out of memory";
    case CLIPSEG_ERROR_PARTIAL:
        return "some items failed";
    case CLIPSEG_ERROR_INTERRUPTED:
        return "interrupted";
    }
    return "unknown status";
}
