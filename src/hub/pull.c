/* pull.c: which files of a repository are the model, and bringing them. */
#include "hub/pull.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"

#define INDEX "model.safetensors.index.json"

/* What clipseg and Transformers read beside the weights, where it exists. */
static const char *const texts[] = {
    "config.json",    "preprocessor_config.json", "processor_config.json",   "vocab.json",       "merges.txt",
    "tokenizer.json", "tokenizer_config.json",    "special_tokens_map.json", "added_tokens.json"};

/* The first that exists. */
static const char *const weights[] = {"model.safetensors", INDEX, "pytorch_model.bin"};

struct pull {
    struct hub hub;
    json_t *names; /* of all files in the repository */
    char folder[4352];
    struct remote_file *files; /* [count] */
    size_t count, capacity;
    size_t total; /* bytes of all files */
    struct pulled *pulled;
};

/* ---- the selection */

static bool exists(const struct pull *p, const char *name)
{
    json_t *entry;
    size_t i;

    json_array_foreach(p->names, i, entry)
    {
        if (!strcmp(json_string_value(entry), name))
            return true;
    }
    return false;
}

static clipseg_status add(struct pull *p, const char *name, clipseg_error *error)
{
    for (size_t i = 0; i < p->count; i++)
        if (!strcmp(p->files[i].name, name))
            return CLIPSEG_OK;
    if (p->count == p->capacity) {
        size_t capacity = p->capacity ? 2 * p->capacity : 16;
        struct remote_file *files = realloc(p->files, capacity * sizeof *files);
        if (!files)
            return error_memory(error);
        p->files = files;
        p->capacity = capacity;
    }
    struct remote_file *file = &p->files[p->count];
    *file = (struct remote_file){0};
    clipseg_status status = hub_ask(&p->hub, name, file, error);
    if (status) {
        remote_file_free(file);
        return status;
    }
    p->count++;
    p->total += file->size;
    return CLIPSEG_OK;
}

static clipseg_status select_files(struct pull *p, clipseg_error *error)
{
    const char *weight = NULL;
    clipseg_status status = CLIPSEG_OK;

    for (size_t i = 0; !weight && i < sizeof weights / sizeof *weights; i++)
        weight = exists(p, weights[i]) ? weights[i] : NULL;
    if (!exists(p, "config.json") || !weight)
        return error_set(error, CLIPSEG_ERROR_MODEL, "%s@%s: is no model that clipseg reads: it lacks %s",
                         p->hub.id.repository, p->hub.id.revision,
                         weight ? "config.json"
                                : "model.safetensors, whole or sharded, and pytorch_model.bin");
    for (size_t i = 0; !status && i < sizeof texts / sizeof *texts; i++)
        if (exists(p, texts[i]))
            status = add(p, texts[i], error);
    return status ? status : add(p, weight, error);
}

static bool plain_name(const char *name)
{
    return name && *name && *name != '.' && !strchr(name, '/') && strlen(name) < 256;
}

/* The shards that the index, which is there by now, names. */
static clipseg_status add_shards(struct pull *p, clipseg_error *error)
{
    char path[4608];
    struct file_map map;
    json_t *root = NULL, *shard;
    const char *tensor;

    snprintf(path, sizeof path, "%s/%s", p->pulled->path, INDEX);
    clipseg_status status = file_map_open(&map, path, error);
    if (status)
        return status;
    status = json_parse(&root, map.data, map.size, path, CLIPSEG_ERROR_MODEL, error);
    json_object_foreach(json_object_get(root, "weight_map"), tensor, shard)
    {
        const char *name = json_string_value(shard);
        if (!status && !plain_name(name))
            status = error_set(error, CLIPSEG_ERROR_MODEL,
                               "%s: weight_map: \"%.100s\": want the name of a file beside the index", path,
                               tensor);
        if (!status && !exists(p, name))
            status =
                error_set(error, CLIPSEG_ERROR_MODEL, "%s: weight_map names %.100s, which %s does not have",
                          path, name, p->hub.id.repository);
        if (!status)
            status = add(p, name, error);
    }
    json_decref(root);
    file_map_close(&map);
    return status;
}

/* ---- bringing them */

static clipseg_status check_space(const struct pull *p, clipseg_error *error)
{
    char probe[4608];
    struct statvfs disk;
    size_t need = 0;

    for (size_t i = 0; i < p->count; i++)
        if (!hub_has(&p->hub, p->folder, &p->files[i]))
            need += p->files[i].size;
    snprintf(probe, sizeof probe, "%s/x", p->folder);
    clipseg_status status = need ? make_folders(probe, error) : CLIPSEG_OK;
    if (status || !need || statvfs(p->folder, &disk))
        return status;
    double have = (double)disk.f_bavail * (double)disk.f_frsize;
    if ((double)need > have)
        return error_set(
            error, CLIPSEG_ERROR_IO,
            "%s: needs %.1f MB, but only %.1f MB are free there; choose another place with $HF_HUB_CACHE",
            p->folder, (double)need / 1e6, have / 1e6);
    return CLIPSEG_OK;
}

/* Files from number `first` on. */
static clipseg_status fetch_files(struct pull *p, size_t first, clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;
    size_t done = 0;

    for (size_t i = 0; i < first; i++)
        done += p->files[i].size;
    for (size_t i = first; !status && i < p->count; i++) {
        struct remote_file *file = &p->files[i];
        bool transferred = false;
        status = hub_fetch(&p->hub, p->folder, file, done, p->total, &transferred, error);
        done += file->size;
        p->pulled->files++;
        p->pulled->bytes += file->size;
        p->pulled->new_files += transferred;
        p->pulled->new_bytes += transferred ? file->size : 0;
    }
    return status;
}

/* refs/REVISION, written whole and last. */
static clipseg_status write_reference(const struct pull *p, clipseg_error *error)
{
    const struct hub_id *id = &p->hub.id;
    char path[4672], temporary[4672], commit[41] = "";
    const char *name = strrchr(p->folder, '/') + 1;

    if (!strcmp(id->revision, p->hub.commit) || (cache_commit(id, commit) && !strcmp(commit, p->hub.commit)))
        return CLIPSEG_OK;
    snprintf(path, sizeof path, "%s/refs/%s", p->folder, id->revision);
    /* a temporary in refs/ would be taken for a revision if it stayed there */
    snprintf(temporary, sizeof temporary, "%.*s.locks/%s/reference.%ld.new", (int)(name - p->folder),
             p->folder, name, (long)getpid());
    clipseg_status status = make_folders(path, error);
    if (!status)
        status = file_write_bytes(temporary, p->hub.commit, strlen(p->hub.commit), true, error);
    if (!status && (rename(temporary, path) || !file_sync_folder(path))) {
        status = error_set(error, CLIPSEG_ERROR_IO, "%s: cannot be written: %s", path, strerror(errno));
        unlink(temporary);
    }
    return status;
}

static clipseg_status bring(struct pull *p, clipseg_error *error)
{
    struct pulled *pulled = p->pulled;
    clipseg_status status = hub_list(&p->hub, &p->names, error);

    if (status)
        return status;
    int length = snprintf(pulled->path, sizeof pulled->path, "%s/snapshots/%s", p->folder, p->hub.commit);
    if (length < 0 || (size_t)length >= sizeof pulled->path)
        return error_set(error, CLIPSEG_ERROR_IO, "%s: the path is too long", p->folder);
    snprintf(pulled->commit, sizeof pulled->commit, "%s", p->hub.commit);
    if ((status = select_files(p, error)) || (status = check_space(p, error)) ||
        (status = fetch_files(p, 0, error)))
        return status;
    if (!strcmp(p->files[p->count - 1].name, INDEX)) {
        size_t first = p->count;
        if ((status = add_shards(p, error)) || (status = check_space(p, error)) ||
            (status = fetch_files(p, first, error)))
            return status;
    }
    return write_reference(p, error);
}

/* Offline is fine when there is nothing to do. */
static bool is_here(struct pulled *pulled, const struct hub_id *id)
{
    char path[4608];
    bool config, weight = false;

    if (!cache_find(id, pulled->path, sizeof pulled->path) || !cache_commit(id, pulled->commit))
        return false;
    snprintf(path, sizeof path, "%s/config.json", pulled->path);
    config = access(path, R_OK) == 0;
    for (size_t i = 0; !weight && i < sizeof weights / sizeof *weights; i++) {
        snprintf(path, sizeof path, "%s/%s", pulled->path, weights[i]);
        weight = access(path, R_OK) == 0;
    }
    return config && weight;
}

clipseg_status hub_pull(struct pulled *pulled, const struct hub_id *id, const struct client_options *options,
                        const struct hub_listener *listener, clipseg_error *error)
{
    struct pull p = {.pulled = pulled};
    clipseg_status status;

    *pulled = (struct pulled){0};
    if (cache_offline() && is_here(pulled, id))
        return CLIPSEG_OK;
    if (!cache_repository(id->repository, p.folder, sizeof p.folder))
        return error_set(error, CLIPSEG_ERROR_IO, "the path of the Hugging Face cache is too long");
    status = hub_open(&p.hub, id, options, listener, error);
    if (!status)
        status = bring(&p, error);
    for (size_t i = 0; i < p.count; i++)
        remote_file_free(&p.files[i]);
    free(p.files);
    json_decref(p.names);
    hub_close(&p.hub);
    return status;
}
