/* failing_close.c: a library for LD_PRELOAD in which a file that is written turns out to be bad when it is
 * closed, as on a network drive: the first fclose of a stream on a regular file says EIO. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int fclose(FILE *stream)
{
    static int (*real)(FILE *);
    static int done;
    struct stat info;
    int file = fileno(stream);
    int fails = !done && file >= 0 && !fstat(file, &info) && S_ISREG(info.st_mode) &&
                (fcntl(file, F_GETFL) & O_ACCMODE) != O_RDONLY;

    if (!real) {
        void *symbol = dlsym(RTLD_NEXT, "fclose");
        memcpy(&real, &symbol, sizeof real);
    }
    int result = real(stream);
    if (!fails)
        return result;
    done = 1;
    errno = EIO;
    return EOF;
}
