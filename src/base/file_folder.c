/* file_folder.c: the folders that a file is going to lie in. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

clipseg_status make_folders(const char *path, clipseg_error *error)
{
    char *copy = memory_string(path, strlen(path));
    clipseg_status status = CLIPSEG_OK;

    if (!copy)
        return error_memory(error);
    for (char *slash = strchr(copy + 1, '/'); !status && slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(copy, 0777) && errno != EEXIST)
            status = error_set(error, CLIPSEG_ERROR_IO, "%s: cannot be made: %s", copy, strerror(errno));
        *slash = '/';
    }
    free(copy);
    return status;
}
