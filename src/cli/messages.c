/* messages.c: what goes to stderr. */
#include <stdarg.h>
#include <stdio.h>

#include "cli/command.h"

int fail(const clipseg_error *error)
{
    progress_end();
    fprintf(stderr, "clipseg: %s\n", error->text);
    return error->status;
}

void note(bool quiet, const char *format, ...)
{
    va_list arguments;

    if (quiet)
        return;
    progress_end();
    va_start(arguments, format);
    fputs("clipseg: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}
