/* figure_module.c: drawing figures with the module that is opened on first use. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "output/figure/figure.h"
#include "output/output.h"

#define MODULE "clipseg-figure.so"
#ifndef CLIPSEG_MODULE_DIRECTORY
#define CLIPSEG_MODULE_DIRECTORY "/usr/local/lib/clipseg"
#endif

/* In `directory`, or NULL. */
static void *open_module(const char *directory, size_t length)
{
    char path[4096];
    int size = snprintf(path, sizeof path, "%.*s/" MODULE, (int)length, directory);

    return size > 0 && (size_t)size < sizeof path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
}

/* Beside the executable, as it is built; else where it was installed. */
static figure_function *find_function(clipseg_error *error)
{
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self);
    void *module = NULL;
    figure_function *function = NULL;

    while (length > 0 && self[length - 1] != '/')
        length--;
    if (length > 0)
        module = open_module(self, (size_t)length);
    if (!module)
        module = open_module(CLIPSEG_MODULE_DIRECTORY, strlen(CLIPSEG_MODULE_DIRECTORY));
    void *symbol = module ? dlsym(module, FIGURE_FUNCTION) : NULL;
    memcpy(&function, &symbol, sizeof function); /* C has no cast from object to function pointers */
    if (!function)
        error_set(error, CLIPSEG_ERROR_USAGE,
                  "figure: " MODULE " cannot be opened; build with -DCLIPSEG_FIGURE=ON and "
                  "install cairo and pango");
    return function;
}

clipseg_status figure_check(clipseg_error *error)
{
    return find_function(error) ? CLIPSEG_OK : CLIPSEG_ERROR_USAGE;
}

clipseg_status figure_write(const struct figure *figure, FILE *stream, clipseg_error *error)
{
    figure_function *function = find_function(error);
    struct figure_picture picture = {0};
    clipseg_status status = function ? CLIPSEG_OK : CLIPSEG_ERROR_USAGE;

    if (!status && function(figure, &picture))
        status = error_memory(error);
    if (!status)
        status = png_write(stream, PNG_RGB8, picture.width, picture.height, picture.rgb, NULL, error);
    free(picture.rgb);
    return status;
}
