/* batch_journal.c: FOLDER/.clipseg-KEY[.I-of-N].journal */
#include "cli/batch_journal.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/journal.h"
#include "base/memory.h"
#include "cli/command.h"

#define PREFIX ".clipseg-"
#define SUFFIX ".journal"

struct batch_journal {
    struct journal *journal;
    char *folder;    /* ends with '/'; "" for the current one */
    char prefix[64]; /* of the names of this run's journal and its shards' */
    char tag[48];    /* in the names of temporaries */
    char *path;
    bool numbered;
};

static clipseg_status set_names(struct batch_journal *b, const struct batch_options *options,
                                clipseg_error *error)
{
    size_t length = strlen(options->folder);
    bool bare = !length || options->folder[length - 1] == '/';
    char shard[64] = "";

    if (options->shard.count)
        snprintf(shard, sizeof shard, ".%zu-of-%zu", options->shard.number, options->shard.count);
    snprintf(b->prefix, sizeof b->prefix, PREFIX "%016llx", (unsigned long long)options->key);
    snprintf(b->tag, sizeof b->tag, "%016llx%.28s", (unsigned long long)options->key, shard);
    b->folder = malloc(length + 2);
    b->path = malloc(length + sizeof b->prefix + sizeof shard + sizeof SUFFIX);
    if (!b->folder || !b->path)
        return error_memory(error);
    sprintf(b->folder, "%s%s", options->folder, bare ? "" : "/");
    sprintf(b->path, "%s%s%s" SUFFIX, b->folder, b->prefix, shard);
    return CLIPSEG_OK;
}

/* Another one's records, when a run of the same work in parts left them; they then live on in ours. */
static clipseg_status take_over(struct batch_journal *b, const char *path, clipseg_error *error)
{
    struct journal *other = NULL;
    clipseg_status status = journal_open(&other, path, error);

    if (!status)
        status = journal_merge(b->journal, other, error);
    journal_close(&other, status != CLIPSEG_OK);
    return status;
}

/* Journals of other options are removed: this run replaces files that they speak of. Those of parts of this
 * work are taken over, unless this is a part itself. */
static clipseg_status look_at_others(struct batch_journal *b, bool is_part, clipseg_error *error)
{
    DIR *folder = opendir(*b->folder ? b->folder : ".");
    clipseg_status status = CLIPSEG_OK;
    const struct dirent *entry;
    char path[4096];

    while (!status && folder && (entry = readdir(folder)) != NULL) {
        size_t length = strlen(entry->d_name), suffix = strlen(SUFFIX);
        bool ours = length > suffix && !strncmp(entry->d_name, PREFIX, strlen(PREFIX)) &&
                    !strcmp(entry->d_name + length - suffix, SUFFIX);
        int size = snprintf(path, sizeof path, "%s%s", b->folder, entry->d_name);
        if (!ours || size >= (int)sizeof path || !strcmp(path, b->path))
            continue;
        if (strncmp(entry->d_name, b->prefix, strlen(b->prefix)) != 0)
            unlink(path);
        else if (!is_part)
            status = take_over(b, path, error);
    }
    if (folder)
        closedir(folder);
    return status;
}

/* Remove what a killed run of this work was writing in one folder. The journal's lock says that it is dead.
 */
static void sweep_folder(const struct batch_journal *b, const char *path, size_t length)
{
    char name[4096], mark[64];
    DIR *folder;
    const struct dirent *entry;

    snprintf(mark, sizeof mark, ".%s-", b->tag);
    if (length + 1 >= sizeof name)
        return;
    snprintf(name, sizeof name, "%.*s", (int)length, path);
    folder = opendir(length ? name : ".");
    while (folder && (entry = readdir(folder)) != NULL) {
        size_t size = strlen(entry->d_name);
        bool ours = entry->d_name[0] == '.' && size > 5 && !strcmp(entry->d_name + size - 5, ".part") &&
                    strstr(entry->d_name, mark);
        if (ours &&
            snprintf(name + length, sizeof name - length, "%s", entry->d_name) < (int)(sizeof name - length))
            unlink(name);
    }
    if (folder)
        closedir(folder);
}

static void sweep(const struct batch_journal *b, const struct inputs *inputs)
{
    const char *last = NULL;
    size_t last_length = 0;

    for (size_t i = 0; i < inputs->count; i++) {
        const char *base = inputs->items[i].base, *slash = strrchr(base, '/');
        size_t length = slash ? (size_t)(slash - base) + 1 : 0;
        if (last && length == last_length && !memcmp(base, last, length))
            continue;
        sweep_folder(b, base, length);
        last = base;
        last_length = length;
    }
}

static void say_what_is_done(const struct batch_journal *b, const struct batch_options *options,
                             const struct inputs *inputs)
{
    size_t done = 0;

    for (size_t i = 0; i < inputs->count; i++)
        done += journal_has(b->journal, batch_journal_key(b, &inputs->items[i]));
    if (done)
        note(options->quiet, "continuing: %zu of %zu pictures are done", done, inputs->count);
}

clipseg_status batch_journal_open(struct batch_journal **journal, const struct batch_options *options,
                                  const struct inputs *inputs, bool numbered, clipseg_error *error)
{
    struct batch_journal *b = memory_zeroed(1, sizeof *b);
    clipseg_status status = b ? set_names(b, options, error) : error_memory(error);

    if (b)
        b->numbered = numbered;
    if (!status)
        status = make_folders(b->path, error);
    if (!status)
        status = journal_open(&b->journal, b->path, error);
    if (!status)
        status = look_at_others(b, options->shard.count > 0, error);
    if (!status) {
        sweep(b, inputs);
        file_write_tag(b->tag);
    }
    if (!status && journal_count(b->journal))
        say_what_is_done(b, options, inputs);
    *journal = b;
    if (status)
        batch_journal_close(journal, true);
    return status;
}

uint64_t batch_journal_key(const struct batch_journal *b, const struct input *input)
{
    size_t length = strlen(b->folder);
    const char *name = input->base + (strncmp(input->base, b->folder, length) ? 0 : length);
    struct stat info = {0};
    uint64_t key;

    if (stat(input->path, &info))
        info = (struct stat){0};
    key = hash_number(hash_text(HASH_START, name), info.st_size);
    key = hash_number(hash_number(key, info.st_mtim.tv_sec), info.st_mtim.tv_nsec);
    return hash_number(key, b->numbered ? (int64_t)input->number : 0);
}

clipseg_status batch_journal_add(struct batch_journal *b, uint64_t key, const struct buffer *pieces,
                                 size_t count, clipseg_error *error)
{
    return journal_add(b->journal, key, pieces, count, error);
}

clipseg_status batch_journal_read(struct batch_journal *b, uint64_t key, struct buffer *pieces, size_t count,
                                  bool *found, clipseg_error *error)
{
    return journal_read(b->journal, key, pieces, count, found, error);
}

void batch_journal_close(struct batch_journal **journal, bool keep)
{
    struct batch_journal *b = *journal;

    if (!b)
        return;
    journal_close(&b->journal, keep);
    free(b->folder);
    free(b->path);
    free(b);
    *journal = NULL;
}
