/* files.c: a directory's files and files in memory look the same from here on. */
#include "checkpoint/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "checkpoint/list.h"

static char *join(struct checkpoint *checkpoint, const char *directory, const char *name)
{
    size_t size = strlen(directory) + strlen(name) + 2;
    char *path = malloc(size), *kept = NULL;

    if (path) {
        snprintf(path, size, "%s/%s", directory, name);
        kept = checkpoint_keep_string(checkpoint, path, size - 1);
    }
    free(path);
    return kept;
}

static const clipseg_file *find_file(const struct file_source *source, const char *name)
{
    for (size_t i = 0; i < source->count; i++)
        if (!strcmp(source->files[i].name, name))
            return &source->files[i];
    return NULL;
}

bool file_source_has(const struct file_source *source, const char *name)
{
    char path[4096];

    if (!source->directory)
        return find_file(source, name) != NULL;
    int length = snprintf(path, sizeof path, "%s/%s", source->directory, name);
    return length > 0 && (size_t)length < sizeof path && access(path, F_OK) == 0;
}

clipseg_status file_source_read(const struct file_source *source, struct checkpoint *checkpoint,
                                const char *name, const unsigned char **data, size_t *size, const char **file,
                                clipseg_error *error)
{
    struct file_map map;
    clipseg_status status;

    *file = join(checkpoint, source->directory ? source->directory : checkpoint->name, name);
    if (!*file)
        return error_memory(error);
    if (!source->directory) {
        const clipseg_file *found = find_file(source, name);
        if (!found)
            return error_set(error, CLIPSEG_ERROR_MODEL, "%s: missing", *file);
        *data = found->data;
        *size = found->size;
        return CLIPSEG_OK;
    }
    if ((status = file_map_open(&map, *file, error)) != CLIPSEG_OK)
        return status;
    if (!checkpoint_add_map(checkpoint, map)) {
        file_map_close(&map);
        return error_memory(error);
    }
    *data = map.data;
    *size = map.size;
    return CLIPSEG_OK;
}
