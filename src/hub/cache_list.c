/* cache_list.c: which models the Hugging Face cache holds. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "hub/cache.h"

#define DEEPEST 8

static bool visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int only_visible(const struct dirent *entry)
{
    return visible(entry);
}

/* ---- one snapshot */

static void measure(const char *folder, size_t depth, size_t *bytes)
{
    struct dirent **entries = NULL;
    int count = depth < DEEPEST ? scandir(folder, &entries, only_visible, NULL) : -1;

    for (int i = 0; i < count; i++) {
        char path[4096];
        struct stat info;
        int length = snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (length > 0 && (size_t)length < sizeof path && stat(path, &info) == 0) {
            if (S_ISDIR(info.st_mode))
                measure(path, depth + 1, bytes);
            else
                *bytes += (size_t)info.st_size;
        }
        free(entries[i]);
    }
    free(entries);
}

/* config.json's model_type; NULL when memory is out. */
static char *read_kind(const char *snapshot)
{
    char path[4096];
    struct file_map map;
    json_t *root = NULL;
    const char *kind = "";

    int length = snprintf(path, sizeof path, "%s/config.json", snapshot);
    if (length < 0 || (size_t)length >= sizeof path || file_map_open(&map, path, NULL))
        return memory_string("", 0);
    if (map.size < (size_t)1 << 22 && !json_parse(&root, map.data, map.size, path, CLIPSEG_ERROR_MODEL, NULL))
        kind = json_string_value(json_object_get(root, "model_type"));
    char *copy = memory_string(kind ? kind : "", kind ? strlen(kind) : 0);
    json_decref(root);
    file_map_close(&map);
    return copy;
}

static bool has_weights(const char *snapshot)
{
    static const char *const names[] = {"model.safetensors", "model.safetensors.index.json",
                                        "pytorch_model.bin"};
    char path[4096];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int length = snprintf(path, sizeof path, "%s/%s", snapshot, names[i]);
        if (length > 0 && (size_t)length < sizeof path && access(path, R_OK) == 0)
            return true;
    }
    return false;
}

/* ---- rows */

static clipseg_status add(struct cached_models *models, const char *repository, const char *revision,
                          const char *commit, const char *folder, clipseg_error *error)
{
    char snapshot[4096];
    int length = snprintf(snapshot, sizeof snapshot, "%s/snapshots/%s", folder, commit);

    if (length < 0 || (size_t)length >= sizeof snapshot || access(snapshot, F_OK))
        return CLIPSEG_OK;
    if (models->count == models->capacity) {
        size_t capacity = models->capacity ? 2 * models->capacity : 16;
        struct cached_model *items = realloc(models->items, capacity * sizeof *items);
        if (!items)
            return error_memory(error);
        models->items = items;
        models->capacity = capacity;
    }
    struct cached_model *model = &models->items[models->count++];
    *model = (struct cached_model){.repository = memory_string(repository, strlen(repository)),
                                   .revision = memory_string(revision, strlen(revision)),
                                   .kind = read_kind(snapshot)};
    snprintf(model->commit, sizeof model->commit, "%.40s", commit);
    measure(snapshot, 0, &model->bytes);
    if (!model->repository || !model->revision || !model->kind)
        return error_memory(error);
    model->complete = *model->kind && has_weights(snapshot);
    return CLIPSEG_OK;
}

/* Every file below refs/ is a revision, also refs/refs/pr/1. */
static clipseg_status add_refs(struct cached_models *models, const char *repository, const char *folder,
                               const char *below, size_t depth, clipseg_error *error)
{
    char path[4096];
    struct dirent **entries = NULL;
    clipseg_status status = CLIPSEG_OK;
    int length = snprintf(path, sizeof path, "%s/refs/%s", folder, below);
    int count = length > 0 && (size_t)length < sizeof path && depth < DEEPEST
                    ? scandir(path, &entries, only_visible, alphasort)
                    : -1;

    for (int i = 0; i < count; i++) {
        char revision[256], file[4608], commit[41];
        struct stat info;
        struct hub_id id;
        length = snprintf(revision, sizeof revision, "%s%s%s", below, *below ? "/" : "", entries[i]->d_name);
        snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        if (length > 0 && (size_t)length < sizeof revision && !status && stat(file, &info) == 0) {
            snprintf(id.repository, sizeof id.repository, "%s", repository);
            snprintf(id.revision, sizeof id.revision, "%s", revision);
            if (S_ISDIR(info.st_mode))
                status = add_refs(models, repository, folder, revision, depth + 1, error);
            else if (cache_commit(&id, commit))
                status = add(models, repository, revision, commit, folder, error);
        }
        free(entries[i]);
    }
    free(entries);
    return status;
}

static bool is_listed(const struct cached_models *models, size_t first, const char *commit)
{
    for (size_t i = first; i < models->count; i++)
        if (!strcmp(models->items[i].commit, commit))
            return true;
    return false;
}

/* Snapshots that no name points to any more, or that were fetched by their commit. */
static clipseg_status add_nameless(struct cached_models *models, size_t first, const char *repository,
                                   const char *folder, clipseg_error *error)
{
    char path[4096];
    struct dirent **entries = NULL;
    clipseg_status status = CLIPSEG_OK;
    int length = snprintf(path, sizeof path, "%s/snapshots", folder);
    int count =
        length > 0 && (size_t)length < sizeof path ? scandir(path, &entries, only_visible, alphasort) : -1;

    for (int i = 0; i < count; i++) {
        if (!status && is_commit(entries[i]->d_name) && !is_listed(models, first, entries[i]->d_name))
            status = add(models, repository, entries[i]->d_name, entries[i]->d_name, folder, error);
        free(entries[i]);
    }
    free(entries);
    return status;
}

static clipseg_status add_repository(struct cached_models *models, const char *cache, const char *name,
                                     clipseg_error *error)
{
    char folder[4096], repository[256];
    const char *owner = name + strlen("models--"), *dashes = strstr(owner, "--");
    size_t first = models->count;
    int length = snprintf(folder, sizeof folder, "%s/%s", cache, name);

    if (!dashes || strlen(owner) >= sizeof repository || length < 0 || (size_t)length >= sizeof folder)
        return CLIPSEG_OK;
    snprintf(repository, sizeof repository, "%.*s/%s", (int)(dashes - owner), owner, dashes + 2);
    clipseg_status status = add_refs(models, repository, folder, "", 0, error);
    return status ? status : add_nameless(models, first, repository, folder, error);
}

clipseg_status cache_list(struct cached_models *models, clipseg_error *error)
{
    char cache[4096];
    struct dirent **entries = NULL;
    clipseg_status status = CLIPSEG_OK;

    *models = (struct cached_models){0};
    int count = cache_folder(cache, sizeof cache) ? scandir(cache, &entries, only_visible, alphasort) : -1;
    for (int i = 0; i < count; i++) {
        if (!status && !strncmp(entries[i]->d_name, "models--", 8))
            status = add_repository(models, cache, entries[i]->d_name, error);
        free(entries[i]);
    }
    free(entries);
    if (status)
        cached_models_free(models);
    return status;
}

void cached_models_free(struct cached_models *models)
{
    for (size_t i = 0; i < models->count; i++) {
        free(models->items[i].repository);
        free(models->items[i].revision);
        free(models->items[i].kind);
    }
    free(models->items);
    *models = (struct cached_models){0};
}
