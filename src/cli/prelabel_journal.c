/* prelabel_journal.c: a file of lines that are only ever appended: "intend UUID ADDRESS" and "done UUID".
 * Each is one write, so that a kill leaves it whole or torn at the end, where it is ignored. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/prelabel.h"

#define HEAD "clipseg labels 1 "

struct label_journal {
    char *path;
    int descriptor;
    json_t *known; /* uuid: true (done), or the address */
    pthread_mutex_t lock;
};

uint64_t label_journal_key(const struct prelabel *p, const char *base)
{
    const struct segment *s = &p->segment;
    const clipseg_refine_options refine = refine_chosen(&s->refine);
    struct buffer text = {0};
    clipseg_model_info info;

    buffer_format(&text, "%s|%s|%s|%.9g|%zu|%d %.9g %.9g|%d%d|%zu/%zu", base, p->dataset, p->labelset,
                  s->threshold, s->input_size, refine.mode, (double)refine.trust, (double)refine.contrast,
                  p->overwrite, p->replace_prelabeled, s->shard.number, s->shard.count);
    uint64_t key = hash_bytes(model_key(&s->choice), text.data, text.size);
    buffer_free(&text);
    clipseg_model_get_info(s->model, &info);
    return query_key(&s->prompts, info.embedding_size, key);
}

static char *default_path(uint64_t key)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    struct buffer path = {0};

    if (state && *state)
        buffer_text(&path, state);
    else
        buffer_format(&path, "%s/.local/state", home ? home : "");
    buffer_format(&path, "/clipseg/labels-%016" PRIx64, key);
    return path.data;
}

static clipseg_status fail_io(const struct label_journal *journal, clipseg_error *error)
{
    return error_set(error, CLIPSEG_ERROR_IO, "%s: cannot be written: %s", journal->path, strerror(errno));
}

/* One line without its end. false: memory is out. */
static bool read_line(struct label_journal *journal, char *line)
{
    char *uuid = strchr(line, ' '), *rest = uuid ? strchr(uuid + 1, ' ') : NULL;

    if (!uuid)
        return true;
    *uuid++ = 0;
    if (rest)
        *rest++ = 0;
    if (!strcmp(line, "done"))
        return !json_object_set_new(journal->known, uuid, json_true());
    return strcmp(line, "intend") != 0 || !rest ||
           !json_object_set_new(journal->known, uuid, json_string(rest));
}

/* Fill `known`; what is of another key, or torn, is cut off. */
static clipseg_status read_all(struct label_journal *journal, const char *head, clipseg_error *error)
{
    struct file_map map;
    clipseg_status status = file_map_open(&map, journal->path, error);
    size_t kept = 0;

    if (status)
        return status;
    bool mine = map.size >= strlen(head) && !memcmp(map.data, head, strlen(head));
    while (mine && !status && kept < map.size) {
        const char *line = (const char *)map.data + kept, *end = memchr(line, '\n', map.size - kept);
        char *copy = end ? memory_string(line, (size_t)(end - line)) : NULL;
        if (!end)
            break;
        if (!copy || !read_line(journal, copy))
            status = error_memory(error);
        free(copy);
        kept += (size_t)(end - line) + 1;
    }
    file_map_close(&map);
    if (!status && ftruncate(journal->descriptor, (off_t)kept))
        status = fail_io(journal, error);
    if (!status && !kept && write(journal->descriptor, head, strlen(head)) != (ssize_t)strlen(head))
        status = fail_io(journal, error);
    return status;
}

clipseg_status label_journal_open(struct label_journal **journal, const char *path, uint64_t key,
                                  clipseg_error *error)
{
    struct label_journal *j = memory_zeroed(1, sizeof *j);
    char head[64];
    clipseg_status status;

    *journal = j;
    if (!j)
        return error_memory(error);
    pthread_mutex_init(&j->lock, NULL);
    j->descriptor = -1;
    j->path = path && *path ? memory_string(path, strlen(path)) : default_path(key);
    j->known = json_object();
    if (!j->path || !j->known)
        return error_memory(error);
    if ((status = make_folders(j->path, error)) != CLIPSEG_OK)
        return status;
    j->descriptor = open(j->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (j->descriptor < 0)
        return fail_io(j, error);
    if (flock(j->descriptor, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
        return error_set(error, CLIPSEG_ERROR_USAGE,
                         "%s: another run is at work on this; wait for it, or give it --shard", j->path);
    snprintf(head, sizeof head, HEAD "%016" PRIx64 "\n", key);
    return read_all(j, head, error);
}

static clipseg_status append(struct label_journal *journal, const struct buffer *line, const char *uuid,
                             json_t *value, clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;

    pthread_mutex_lock(&journal->lock);
    if (line->failed || !value || json_object_set_new(journal->known, uuid, value))
        status = error_memory(error);
    else if (write(journal->descriptor, line->data, line->size) != (ssize_t)line->size ||
             fdatasync(journal->descriptor))
        status = fail_io(journal, error);
    pthread_mutex_unlock(&journal->lock);
    return status;
}

clipseg_status label_journal_intend(struct label_journal *journal, const char *uuid, const char *bitmap,
                                    clipseg_error *error)
{
    struct buffer line = {0};

    buffer_format(&line, "intend %s ", uuid);
    for (const char *c = bitmap; *c; c++)
        if ((unsigned char)*c > ' ')
            buffer_append(&line, c, 1);
    buffer_text(&line, "\n");
    clipseg_status status = append(journal, &line, uuid, json_string(bitmap), error);
    buffer_free(&line);
    return status;
}

clipseg_status label_journal_done(struct label_journal *journal, const char *uuid, clipseg_error *error)
{
    struct buffer line = {0};

    buffer_format(&line, "done %s\n", uuid);
    clipseg_status status = append(journal, &line, uuid, json_true(), error);
    buffer_free(&line);
    return status;
}

bool label_journal_has(struct label_journal *journal, const char *uuid, const char **bitmap)
{
    pthread_mutex_lock(&journal->lock);
    const json_t *entry = json_object_get(journal->known, uuid);
    pthread_mutex_unlock(&journal->lock);
    *bitmap = json_string_value(entry);
    return json_is_true(entry);
}

void label_journal_close(struct label_journal **journal, bool keep)
{
    struct label_journal *j = *journal;

    if (!j)
        return;
    if (j->descriptor >= 0) {
        if (!keep)
            unlink(j->path);
        close(j->descriptor);
    }
    json_decref(j->known);
    free(j->path);
    pthread_mutex_destroy(&j->lock);
    free(j);
    *journal = NULL;
}
