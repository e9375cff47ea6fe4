/* dataset.c: from fragments to the files of a data set. */
#include "cli/dataset.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "cli/command.h"

#define FRAGMENTS ".clipseg"

char *dataset_fragment(const char *folder, const struct format *format, const char *name)
{
    size_t size = strlen(folder) + strlen(format->name) + sizeof "/" FRAGMENTS "/0123456789abcdef.";
    char *path = malloc(size);

    if (path)
        snprintf(path, size, "%s/" FRAGMENTS "/%016llx.%s", folder,
                 (unsigned long long)hash_text(HASH_START, name), format->name);
    return path;
}

static clipseg_status write_file(const struct dataset_file *file, const struct dataset *dataset,
                                 const char *folder, clipseg_error *error)
{
    struct file_writer writer = {0};
    size_t size = strlen(folder) + strlen(file->name) + 2;
    char *path = malloc(size);
    clipseg_status status = path ? CLIPSEG_OK : error_memory(error);

    if (path)
        snprintf(path, size, "%s/%s", folder, file->name);
    if (!status)
        status = make_folders(path, error);
    if (!status)
        status = file_write_open(&writer, path, error);
    if (!status)
        status = file->assemble(dataset, writer.stream, error);
    if (!status)
        status = file_write_commit(&writer, false, error);
    file_write_abandon(&writer);
    free(path);
    return status;
}

static clipseg_status write_stdout(const struct dataset_file *file, const struct dataset *dataset,
                                   clipseg_error *error)
{
    clipseg_status status = file->assemble(dataset, stdout, error);

    return status ? status : stdout_flush(error);
}

static void free_pictures(struct dataset_picture *pictures, size_t count)
{
    for (size_t i = 0; pictures && i < count; i++)
        free(pictures[i].fragment);
    free(pictures);
}

static clipseg_status write_format(const struct format *format, const struct inputs *inputs, const bool *done,
                                   const struct dataset *dataset, const char *folder, bool to_stdout,
                                   clipseg_error *error)
{
    struct dataset all = *dataset;
    clipseg_status status = CLIPSEG_OK;

    all.picture_count = 0;
    all.pictures = memory_zeroed(inputs->count, sizeof *all.pictures);
    if (!all.pictures)
        return error_memory(error);
    for (size_t i = 0; !status && i < inputs->count; i++) {
        if (!done[i])
            continue;
        struct dataset_picture *picture = &all.pictures[all.picture_count++];
        picture->name = inputs->items[i].name;
        if (format->fragments &&
            !(picture->fragment = dataset_fragment(folder, format, inputs->items[i].name)))
            status = error_memory(error);
    }
    for (const struct dataset_file *file = format->files; !status && file->name; file++)
        status = !to_stdout              ? write_file(file, &all, folder, error)
                 : file == format->files ? write_stdout(file, &all, error)
                                         : CLIPSEG_OK;
    free_pictures(all.pictures, all.picture_count);
    return status;
}

clipseg_status dataset_write(const struct format *const *formats, size_t format_count,
                             const struct inputs *inputs, const bool *done, const struct dataset *dataset,
                             const char *folder, bool to_stdout, clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;

    for (size_t i = 0; !status && i < format_count; i++)
        if (formats[i]->files && (formats[i]->fragments || !to_stdout))
            status = write_format(formats[i], inputs, done, dataset, folder, to_stdout, error);
    return status;
}

void dataset_remove(const char *folder, const struct format *format, const char *name)
{
    char *path = dataset_fragment(folder, format, name);

    if (path) {
        unlink(path);
        *strrchr(path, '/') = 0;
        rmdir(path);
    }
    free(path);
}

void dataset_clear(const struct format *const *formats, size_t format_count, const struct inputs *inputs,
                   const char *folder)
{
    for (size_t i = 0; i < format_count; i++)
        for (size_t k = 0; formats[i]->fragments && k < inputs->count; k++)
            dataset_remove(folder, formats[i], inputs->items[k].name);
}
