/* file_map.c: files and streams for reading, whole. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

static const unsigned char nothing[1];

static const char *kind_name(mode_t mode)
{
    return S_ISDIR(mode) ? "a folder" : S_ISFIFO(mode) ? "a pipe" : S_ISSOCK(mode) ? "a socket" : "a device";
}

static clipseg_status map_descriptor(struct file_map *map, int descriptor, const char *path,
                                     clipseg_status no_file, clipseg_error *error)
{
    struct stat info;

    if (fstat(descriptor, &info))
        return error_set(error, CLIPSEG_ERROR_IO, "%s: cannot be read: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return error_set(error, no_file, "%s: is %s, not a file; give the path of one", path,
                         kind_name(info.st_mode));
    *map = (struct file_map){.data = nothing, .size = (size_t)info.st_size};
    if (!map->size)
        return CLIPSEG_OK;
    void *data = mmap(NULL, map->size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (data == MAP_FAILED)
        return error_set(error, errno == ENOMEM ? CLIPSEG_ERROR_MEMORY : CLIPSEG_ERROR_IO,
                         "%s: cannot be mapped: %s", path, strerror(errno));
    map->data = data;
    map->mapped = true;
    return CLIPSEG_OK;
}

clipseg_status file_map_open(struct file_map *map, const char *path, clipseg_error *error)
{
    return file_map_open_as(map, path, CLIPSEG_ERROR_IO, error);
}

clipseg_status file_map_open_as(struct file_map *map, const char *path, clipseg_status no_file,
                                clipseg_error *error)
{
    int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

    if (descriptor < 0)
        return error_set(error, CLIPSEG_ERROR_IO, "%s: cannot be opened: %s", path, strerror(errno));
    clipseg_status status = map_descriptor(map, descriptor, path, no_file, error);
    close(descriptor);
    return status;
}

clipseg_status file_map_stream(struct file_map *map, FILE *stream, const char *name, size_t limit,
                               clipseg_error *error)
{
    size_t capacity = (size_t)1 << 16, size = 0, got;
    unsigned char *data = malloc(capacity);

    while (data && (got = fread(data + size, 1, capacity - size, stream)) > 0) {
        size += got;
        if (size > limit) {
            free(data);
            return error_set(error, CLIPSEG_ERROR_IO, "%s: more than %zu bytes", name, limit);
        }
        if (size < capacity)
            continue;
        unsigned char *larger = realloc(data, 2 * capacity);
        if (!larger)
            free(data);
        data = larger;
        capacity *= 2;
    }
    if (!data)
        return error_memory(error);
    if (ferror(stream)) {
        free(data);
        return error_set(error, CLIPSEG_ERROR_IO, "%s: cannot be read: %s", name, strerror(errno));
    }
    *map = (struct file_map){.data = data, .size = size};
    return CLIPSEG_OK;
}

/* Blocks only while somebody has the pipe open for writing. */
static clipseg_status read_pipe(struct file_map *map, int descriptor, const char *path, size_t limit,
                                clipseg_error *error)
{
    FILE *stream =
        fcntl(descriptor, F_SETFL, O_RDONLY) ? NULL : fdopen(descriptor, "r"); /* no longer O_NONBLOCK */

    if (!stream) {
        close(descriptor);
        return error_set(error, CLIPSEG_ERROR_IO, "%s: cannot be read: %s", path, strerror(errno));
    }
    clipseg_status status = file_map_stream(map, stream, path, limit, error);
    fclose(stream);
    return status;
}

clipseg_status file_map_list(struct file_map *map, const char *path, size_t limit, clipseg_error *error)
{
    struct stat info;

    if (!strcmp(path, "-"))
        return file_map_stream(map, stdin, "stdin", limit, error);
    int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (descriptor >= 0 && !fstat(descriptor, &info) && S_ISFIFO(info.st_mode))
        return read_pipe(map, descriptor, path, limit, error);
    if (descriptor >= 0)
        close(descriptor);
    return file_map_open(map, path, error);
}

void file_map_drop(const struct file_map *map, const unsigned char *data, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    if (!map->mapped || data < map->data || size > map->size || (size_t)(data - map->data) > map->size - size)
        return;
    size_t first = ((size_t)(data - map->data) + page - 1) / page * page;
    size_t end = ((size_t)(data - map->data) + size) / page * page; /* pages that others share stay */
    if (first < end)
        madvise((void *)(uintptr_t)(map->data + first), end - first, MADV_DONTNEED);
}

void file_map_close(struct file_map *map)
{
    if (map->mapped)
        munmap((void *)(uintptr_t)map->data, map->size);
    else if (map->data != nothing)
        free((void *)(uintptr_t)map->data);
    *map = (struct file_map){0};
}
