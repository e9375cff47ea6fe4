/* messages.c: what goes to stderr, and whether stdout took the rest. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/utf8.h"
#include "cli/command.h"

int fail(const clipseg_error *error)
{
    progress_end();
    fprintf(stderr, "clipseg: %s\n", error->text);
    return error->status;
}

clipseg_status stdout_flush(clipseg_error *error)
{
    return fflush(stdout) || ferror(stdout) ? error_set(error, CLIPSEG_ERROR_IO, "stdout: cannot be written")
                                            : CLIPSEG_OK;
}

void note(bool quiet, const char *format, ...)
{
    va_list arguments;
    char *text = NULL;

    if (quiet)
        return;
    progress_end();
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    va_end(arguments);
    if (!text)
        return;
    utf8_one_line(text);
    fprintf(stderr, "clipseg: %s\n", text);
    free(text);
}
