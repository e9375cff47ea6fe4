/* file_write.c: files that appear whole or not at all: written beside their place, then renamed. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

/* The temporaries that exist now, for the signal handler: a slot is a pointer or NULL. */
#define SLOTS 64
static _Atomic(char *) open_temporaries[SLOTS];

static void remember(char *temporary)
{
    for (size_t i = 0; i < SLOTS; i++) {
        char *empty = NULL;
        if (atomic_compare_exchange_strong(&open_temporaries[i], &empty, temporary))
            return;
    }
}

static void forget(char *temporary)
{
    for (size_t i = 0; i < SLOTS; i++) {
        char *expected = temporary;
        if (atomic_compare_exchange_strong(&open_temporaries[i], &expected, NULL))
            return;
    }
}

void file_write_abandon_all_signal_safe(void)
{
    for (size_t i = 0; i < SLOTS; i++) {
        char *temporary = atomic_load(&open_temporaries[i]);
        if (temporary)
            unlink(temporary);
    }
}

static char tag[48];

void file_write_tag(const char *text)
{
    snprintf(tag, sizeof tag, "%s", text);
}

/* DIR/.NAME.TAG-N.part: the tag or the process number, and a number, keep names apart. */
static char *temporary_name(const char *path)
{
    static atomic_uint counter;
    char process[48];
    const char *slash = strrchr(path, '/');
    size_t folder = slash ? (size_t)(slash - path) + 1 : 0, size = strlen(path) + 80;
    char *name = malloc(size);

    snprintf(process, sizeof process, "%ld", (long)getpid());
    if (name) /* the name is cut so that the result never grows beyond what a file system allows */
        snprintf(name, size, "%.*s.%.160s.%s-%u.part", (int)folder, path, path + folder, *tag ? tag : process,
                 atomic_fetch_add(&counter, 1));
    return name;
}

static void clear(struct file_writer *writer)
{
    free(writer->path);
    free(writer->temporary);
    *writer = (struct file_writer){0};
}

clipseg_status file_write_open(struct file_writer *writer, const char *path, clipseg_error *error)
{
    int descriptor = -1;

    *writer =
        (struct file_writer){.path = memory_string(path, strlen(path)), .temporary = temporary_name(path)};
    if (!writer->path || !writer->temporary) {
        clear(writer);
        return error_memory(error);
    }
    descriptor = open(writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0) {
        remember(writer->temporary);
        writer->stream = fdopen(descriptor, "wb");
    }
    if (writer->stream)
        return CLIPSEG_OK;
    clipseg_status status = errno == ENOMEM ? error_memory(error)
                                            : error_set(error, CLIPSEG_ERROR_IO, "%s: cannot be written: %s",
                                                        path, strerror(errno));
    if (descriptor >= 0) {
        close(descriptor);
        unlink(writer->temporary);
        forget(writer->temporary);
    }
    clear(writer);
    return status;
}

bool file_sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder =
        slash ? memory_string(path, slash == path ? 1 : (size_t)(slash - path)) : memory_string(".", 1);
    int descriptor = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    bool synced = descriptor >= 0 && fsync(descriptor) == 0;

    if (descriptor >= 0)
        close(descriptor);
    free(folder);
    return synced;
}

clipseg_status file_write_commit(struct file_writer *writer, bool durable, clipseg_error *error)
{
    bool written = fflush(writer->stream) == 0 && !ferror(writer->stream) &&
                   (!durable || fsync(fileno(writer->stream)) == 0);
    int reason = errno;

    if (fclose(writer->stream) && written) {
        written = false;
        reason = errno;
    }
    writer->stream = NULL;
    if (written && rename(writer->temporary, writer->path)) {
        written = false;
        reason = errno;
    }
    if (written && durable && !file_sync_folder(writer->path)) {
        written = false;
        reason = errno;
    }
    clipseg_status status = written ? CLIPSEG_OK
                                    : error_set(error, CLIPSEG_ERROR_IO, "%s: cannot be written: %s",
                                                writer->path, strerror(reason));
    file_write_abandon(writer);
    return status;
}

void file_write_abandon(struct file_writer *writer)
{
    if (writer->stream)
        fclose(writer->stream);
    if (writer->temporary) {
        unlink(writer->temporary);
        forget(writer->temporary);
    }
    clear(writer);
}

clipseg_status file_write_bytes(const char *path, const void *data, size_t size, bool durable,
                                clipseg_error *error)
{
    struct file_writer writer;
    clipseg_status status = file_write_open(&writer, path, error);

    if (status)
        return status;
    if (size)
        fwrite(data, 1, size, writer.stream); /* a failure stays in the stream and is found by the commit */
    return file_write_commit(&writer, durable, error);
}
