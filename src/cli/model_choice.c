/* model_choice.c: which model -m means. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/demo.h"

/* ---- the Hugging Face cache: models--ORG--NAME/refs/REVISION names the folder under snapshots/ */

static void cache_folder(char *out, size_t size)
{
    const char *cache = getenv("HF_HUB_CACHE"), *old = getenv("HUGGINGFACE_HUB_CACHE"),
               *home = getenv("HF_HOME");
    const char *xdg = getenv("XDG_CACHE_HOME"), *user = getenv("HOME");

    if (cache || old)
        snprintf(out, size, "%s", cache ? cache : old);
    else if (home)
        snprintf(out, size, "%s/hub", home);
    else if (xdg)
        snprintf(out, size, "%s/huggingface/hub", xdg);
    else
        snprintf(out, size, "%s/.cache/huggingface/hub", user ? user : "");
}

/* ORG/NAME or ORG/NAME@REVISION, of the characters that the hub allows. */
static bool is_hub_id(const char *name)
{
    const char *slash = strchr(name, '/');

    return slash && slash != name && slash[1] && !strchr(slash + 1, '/') && *name != '.' && slash[1] != '.' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./@") ==
               strlen(name);
}

static bool read_line(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "rb");
    bool read = file && fgets(out, (int)size, file);

    if (file)
        fclose(file);
    if (read)
        out[strcspn(out, "\r\n")] = 0;
    return read && *out && !strchr(out, '/');
}

static bool find_snapshot(const char *name, char *out, size_t size)
{
    char cache[2048], path[4096], commit[128];
    const char *slash = strchr(name, '/'), *at = strchr(name, '@');
    int organisation = (int)(slash - name), repository = at ? (int)(at - slash - 1) : (int)strlen(slash + 1);

    cache_folder(cache, sizeof cache);
    snprintf(path, sizeof path, "%s/models--%.*s--%.*s/refs/%s", cache, organisation, name, repository,
             slash + 1, at ? at + 1 : "main");
    if (!read_line(path, commit, sizeof commit)) {
        if (!at)
            return false;
        snprintf(commit, sizeof commit, "%.100s", at + 1); /* a commit itself */
    }
    int length = snprintf(out, size, "%s/models--%.*s--%.*s/snapshots/%s", cache, organisation, name,
                          repository, slash + 1, commit);
    return length > 0 && (size_t)length < size && access(out, F_OK) == 0;
}

clipseg_status model_resolve(const char *name, char *out, size_t size, clipseg_error *error)
{
    if (access(name, F_OK) == 0 || !is_hub_id(name)) {
        if (strlen(name) >= size)
            return error_set(error, CLIPSEG_ERROR_IO, "the model's path is too long");
        snprintf(out, size, "%s", name);
        return CLIPSEG_OK;
    }
    if (find_snapshot(name, out, size))
        return CLIPSEG_OK;
    return error_set(error, CLIPSEG_ERROR_MODEL,
                     "%s: neither a path nor a model in the Hugging Face cache; download it "
                     "there first (for example: hf download %s)",
                     name, name);
}

/* ---- the choice */

clipseg_status model_choose(clipseg_model **model, const struct model_choice *choice, clipseg_error *error)
{
    const char *name = choice->model ? choice->model : getenv("CLIPSEG_MODEL");
    clipseg_model_options options;
    char path[4096], clip[4096];
    clipseg_status status;

    clipseg_model_options_default(&options);
    options.cpu = choice->cpu ? choice->cpu : getenv("CLIPSEG_CPU");
    options.cpu = options.cpu && *options.cpu ? options.cpu : NULL;
    options.threads = choice->threads;
    if (name && *name && strcmp(name, "demo") != 0) {
        if (choice->clip && (status = model_resolve(choice->clip, clip, sizeof clip, error)) != CLIPSEG_OK)
            return status;
        options.clip = choice->clip ? clip : NULL;
        status = model_resolve(name, path, sizeof path, error);
        return status ? status : clipseg_model_open(model, path, &options, error);
    }
    if (choice->clip)
        return error_set(error, CLIPSEG_ERROR_USAGE,
                         "--clip belongs to an original decoder file: name it with -m");
    if (!demo_file_count)
        return error_set(error, CLIPSEG_ERROR_USAGE,
                         "no model: name one with -m DIR or $CLIPSEG_MODEL, for example a "
                         "download of CIDAS/clipseg-rd64-refined from the Hugging Face hub");
    if (!name || !*name)
        note(
            choice->quiet,
            "using the small built-in model, which knows drawings of some 300 things; for photographs name a "
            "real one with -m (CIDAS/clipseg-rd64-refined from the Hugging Face hub)");
    return clipseg_model_open_memory(model, "demo", demo_files, demo_file_count, &options, error);
}
