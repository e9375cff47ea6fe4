/* module.c: finding and opening a module. */
#include "base/module.h"

#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

/* Seen from the folder of the executable, so that an installation can be moved. */
#ifndef CLIPSEG_MODULE_DIRECTORY
#define CLIPSEG_MODULE_DIRECTORY "../lib/clipseg"
#endif

/* In `below`, a folder seen from that of the executable; NULL: it is not there. */
static void *open_in(const char *below, const char *file)
{
    char self[4096], path[4600];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self);

    while (length > 0 && self[length - 1] != '/')
        length--;
    int size = snprintf(path, sizeof path, "%.*s%s/%s", length > 0 ? (int)length : 0, self, below, file);
    return length > 0 && size > 0 && (size_t)size < sizeof path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
}

void *module_symbol(const char *file, const char *symbol)
{
    void *module = open_in(".", file);

    if (!module)
        module = open_in(CLIPSEG_MODULE_DIRECTORY, file);
    return module ? dlsym(module, symbol) : NULL;
}
