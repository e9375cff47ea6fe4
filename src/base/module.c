/* module.c: finding and opening a module. */
#include "base/module.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef CLIPSEG_MODULE_DIRECTORY
#define CLIPSEG_MODULE_DIRECTORY "/usr/local/lib/clipseg"
#endif

/* In the first `length` bytes of `directory`, or NULL. */
static void *open_in(const char *directory, size_t length, const char *file)
{
    char path[4096];
    int size = snprintf(path, sizeof path, "%.*s/%s", (int)length, directory, file);

    return size > 0 && (size_t)size < sizeof path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
}

void *module_symbol(const char *file, const char *symbol)
{
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self);
    void *module = NULL;

    while (length > 0 && self[length - 1] != '/')
        length--;
    if (length > 0)
        module = open_in(self, (size_t)length, file);
    if (!module)
        module = open_in(CLIPSEG_MODULE_DIRECTORY, strlen(CLIPSEG_MODULE_DIRECTORY), file);
    return module ? dlsym(module, symbol) : NULL;
}
