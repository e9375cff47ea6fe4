/* models.c: `clipseg models`: which models are here: in the Hugging Face cache, and the built-in one. */
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "cli/command.h"
#include "cli/demo.h"
#include "hub/cache.h"

static bool is_ours(const struct cached_model *model)
{
    return !strcmp(model->kind, "clipseg") || !strcmp(model->kind, "clip");
}

static size_t demo_size(void)
{
    size_t bytes = 0;

    for (size_t i = 0; i < demo_file_count; i++)
        bytes += demo_files[i].size;
    return bytes;
}

static void print_table(const struct cached_models *models, bool all)
{
    int wide = 4;

    for (size_t i = 0; i < models->count; i++) {
        const struct cached_model *m = &models->items[i];
        int length =
            (int)strlen(m->repository) + (is_commit(m->revision) ? 13 : (int)strlen(m->revision) + 1);
        if ((all || is_ours(m)) && length > wide)
            wide = length;
    }
    if (demo_file_count)
        printf("%-*s  clipseg  %8.1f MB  built in\n", wide, "demo", (double)demo_size() / 1e6);
    for (size_t i = 0; i < models->count; i++) {
        const struct cached_model *m = &models->items[i];
        char name[600];
        if (!all && !is_ours(m))
            continue;
        snprintf(name, sizeof name, "%s%s%.*s", m->repository, strcmp(m->revision, "main") ? "@" : "",
                 !strcmp(m->revision, "main") ? 0
                 : is_commit(m->revision)     ? 12
                                              : 250,
                 m->revision);
        printf("%-*s  %-7s  %8.1f MB  %.12s%s\n", wide, name, *m->kind ? m->kind : "?",
               (double)m->bytes / 1e6, m->commit, m->complete ? "" : "  not complete");
    }
}

static clipseg_status print_json(const struct cached_models *models, bool all, clipseg_error *error)
{
    struct buffer text = {0};
    bool first = true;

    buffer_text(&text, "[");
    if (demo_file_count) {
        buffer_format(&text,
                      "{\"model\": \"demo\", \"kind\": \"clipseg\", \"bytes\": %zu, \"complete\": true}",
                      demo_size());
        first = false;
    }
    for (size_t i = 0; i < models->count; i++) {
        const struct cached_model *m = &models->items[i];
        if (!all && !is_ours(m))
            continue;
        buffer_text(&text, first ? "{\"model\": " : ",\n {\"model\": ");
        buffer_json_string(&text, m->repository);
        buffer_text(&text, ", \"revision\": ");
        buffer_json_string(&text, m->revision);
        buffer_format(&text, ", \"commit\": \"%s\", \"kind\": ", m->commit);
        buffer_json_string(&text, m->kind);
        buffer_format(&text, ", \"bytes\": %zu, \"complete\": %s}", m->bytes, m->complete ? "true" : "false");
        first = false;
    }
    buffer_text(&text, "]\n");
    clipseg_status status = text.failed ? error_memory(error) : CLIPSEG_OK;
    if (!status)
        fputs(text.data, stdout);
    buffer_free(&text);
    return status;
}

static int run(int count, char **arguments)
{
    bool json = false, all = false, quiet = false;
    struct cached_models models = {0};
    clipseg_error error;
    const struct option options[] = {
        {0, "all", NULL, "also models of other kinds", OPTION_FLAG, &all, NULL},
        {0, "json", NULL, "print one JSON array", OPTION_FLAG, &json, NULL},
        {'q', "quiet", NULL, "accepted for uniformity", OPTION_FLAG, &quiet, NULL},
        {0}};
    const struct usage usage = {
        &command_models, "[options]",
        "List the models that -m finds by name: the built-in one, and the CLIPSeg and CLIP "
        "models in the Hugging Face cache.",
        options};
    clipseg_status status = options_parse(&usage, &count, arguments, &error);

    if (!status && count != 1)
        status = error_set(&error, CLIPSEG_ERROR_USAGE, "models: takes no argument");
    if (!status)
        status = cache_list(&models, &error);
    if (!status && json)
        status = print_json(&models, all, &error);
    else if (!status)
        print_table(&models, all);
    if (!status)
        status = stdout_flush(&error);
    cached_models_free(&models);
    return status ? fail(&error) : 0;
}

const struct subcommand command_models = {"models", "which models are here", run};
