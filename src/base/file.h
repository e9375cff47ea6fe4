/* file.h: files, whole: mapped for reading, or written beside their place and renamed into it. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stdio.h>

#include "clipseg.h"

/* ---- file_map.c */

struct file_map {
    const unsigned char *data; /* not NULL even for an empty file */
    size_t size;
    bool mapped; /* true: mmap, false: read into memory */
};

/* Map a regular file for reading. Folders, FIFOs and devices are refused by name, without waiting on them.
 * Errors: IO, MEMORY. */
clipseg_status file_map_open(struct file_map *map, const char *path, clipseg_error *error);

/* The same with another status for what exists but is no regular file: it is no picture, no model. */
clipseg_status file_map_open_as(struct file_map *map, const char *path, clipseg_status no_file,
                                clipseg_error *error);

/* Read a stream (stdin) to its end, at most `limit` bytes. name: for messages. Errors: IO, MEMORY. */
clipseg_status file_map_stream(struct file_map *map, FILE *stream, const char *name, size_t limit,
                               clipseg_error *error);

/* What a person lists: a file, "-" for stdin, or a pipe like the shell's <(...). limit: of what is read into
 * memory. Errors: IO, MEMORY. */
clipseg_status file_map_list(struct file_map *map, const char *path, size_t limit, clipseg_error *error);

#define FILE_LIST_LIMIT ((size_t)1 << 30)

/* These bytes will not be needed again soon: their pages no longer count for this process and are read from
 * the file if they are needed after all. Nothing happens to what is not within a mapped file. */
void file_map_drop(const struct file_map *map, const unsigned char *data, size_t size);

void file_map_close(struct file_map *map);

/* ---- file_write.c */

struct file_writer {
    FILE *stream;    /* write here */
    char *path;      /* where it will be */
    char *temporary; /* where it is until then: in the same folder */
};

/* From now on temporaries are called .NAME.TAG-N.part, by which those of a process that was killed can be
 * told from others' and removed; at most 47 bytes. Before threads write. */
void file_write_tag(const char *tag);

/* Start a file that appears at `path` only when committed. Errors: IO, MEMORY. */
clipseg_status file_write_open(struct file_writer *writer, const char *path, clipseg_error *error);

/* Flush, close, rename into place; durable: also fsync file and folder. On failure the temporary is gone and
 * an old file at `path` is as it was. Errors: IO (disk full, ...). */
clipseg_status file_write_commit(struct file_writer *writer, bool durable, clipseg_error *error);

/* Close and remove the temporary. Harmless after a commit. */
void file_write_abandon(struct file_writer *writer);

/* All three in one: `path` holds exactly these bytes afterwards, or what it held before. */
clipseg_status file_write_bytes(const char *path, const void *data, size_t size, bool durable,
                                clipseg_error *error);

/* fsync the folder that a path lies in, so that its new name survives a power failure. */
bool file_sync_folder(const char *path);

/* Unlink all temporaries that are open right now. Async-signal-safe: for the command's signal handlers. */
void file_write_abandon_all_signal_safe(void);

/* ---- file_folder.c */

/* Make the folder that a path lies in, and those above it. Errors: IO, MEMORY. */
clipseg_status make_folders(const char *path, clipseg_error *error);

#endif
