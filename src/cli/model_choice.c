/* model_choice.c: which model -m means. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/demo.h"
#include "hub/cache.h"
#include "hub/pull.h"

static clipseg_status resolve(const char *name, bool pull, bool quiet, char *out, size_t size,
                              clipseg_error *error)
{
    struct hub_id id;
    struct pulled pulled;

    if (access(name, F_OK) == 0 || !hub_id_parse(&id, name)) {
        if (strlen(name) >= size)
            return error_set(error, CLIPSEG_ERROR_IO, "the model's path is too long");
        snprintf(out, size, "%s", name);
        return CLIPSEG_OK;
    }
    if (cache_find(&id, out, size))
        return CLIPSEG_OK;
    if (!pull)
        return error_set(
            error, CLIPSEG_ERROR_MODEL,
            "%s: neither a path nor a model in the Hugging Face cache; fetch it with clipseg pull %s, or "
            "by adding --pull",
            name, name);
    clipseg_status status = model_pull(&id, quiet, &pulled, error);
    if (!status && strlen(pulled.path) >= size)
        return error_set(error, CLIPSEG_ERROR_IO, "the model's path is too long");
    if (!status)
        snprintf(out, size, "%s", pulled.path);
    return status;
}

clipseg_status model_resolve(const char *name, char *out, size_t size, clipseg_error *error)
{
    return resolve(name, false, true, out, size, error);
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
        if (choice->clip && (status = resolve(choice->clip, choice->pull, choice->quiet, clip, sizeof clip,
                                              error)) != CLIPSEG_OK)
            return status;
        options.clip = choice->clip ? clip : NULL;
        status = resolve(name, choice->pull, choice->quiet, path, sizeof path, error);
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
            "real one with -m (--pull -m CIDAS/clipseg-rd64-refined fetches it from the Hugging Face hub)");
    return clipseg_model_open_memory(model, "demo", demo_files, demo_file_count, &options, error);
}
