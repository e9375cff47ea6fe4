/* pull.c: `clipseg pull`: a model from the Hugging Face hub into its cache. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "cli/command.h"
#include "cli/published.h"
#include "hub/pull.h"

static bool stopped(void)
{
    return signals_stop() != 0;
}

static void say(const char *text)
{
    note(false, "%s", text);
}

clipseg_status model_pull(const struct hub_id *id, bool quiet, struct pulled *pulled, clipseg_error *error)
{
    const char *patience = getenv("HF_HUB_DOWNLOAD_TIMEOUT");
    size_t seconds;
    const struct client_options options = {
        .stall_seconds =
            patience && parse_size(patience, 1, 86400, &seconds) ? (double)seconds : CLIENT_STALL_SECONDS,
        .tries = CLIENT_TRIES,
        .longest_wait = CLIENT_LONGEST_WAIT,
        .stopped = stopped};
    const struct hub_listener listener = {quiet ? NULL : progress_bytes, quiet ? NULL : say};

    progress_enable(!quiet);
    clipseg_status status = hub_pull(pulled, id, &options, &listener, error);
    progress_end();
    return status;
}

static void print_json(const struct hub_id *id, const struct pulled *pulled)
{
    struct buffer text = {0};

    buffer_text(&text, "{\"model\": ");
    buffer_json_string(&text, id->repository);
    buffer_text(&text, ", \"revision\": ");
    buffer_json_string(&text, id->revision);
    buffer_format(&text, ", \"commit\": \"%s\", \"path\": ", pulled->commit);
    buffer_json_string(&text, pulled->path);
    buffer_format(&text, ", \"files\": %zu, \"bytes\": %zu, \"new_files\": %zu, \"new_bytes\": %zu}\n",
                  pulled->files, pulled->bytes, pulled->new_files, pulled->new_bytes);
    if (text.data)
        fputs(text.data, stdout);
    buffer_free(&text);
}

static void tell(const struct hub_id *id, const struct pulled *pulled, double seconds, bool quiet)
{
    if (pulled->new_files)
        note(quiet, "%s: %zu files, %.1f MB, of which %.1f MB were fetched in %d:%02d", id->repository,
             pulled->files, (double)pulled->bytes / 1e6, (double)pulled->new_bytes / 1e6, (int)seconds / 60,
             (int)seconds % 60);
    else
        note(quiet, "%s: is there already, as commit %.12s", id->repository, pulled->commit);
}

static clipseg_status verify(const struct pulled *pulled, const char *picture, bool quiet,
                             clipseg_error *error)
{
    clipseg_model *model = NULL;
    clipseg_status status = clipseg_model_open(&model, pulled->path, NULL, error);

    if (!status && picture)
        status = published_check(model, picture, quiet, error);
    clipseg_model_close(&model);
    return status;
}

static int run(int count, char **arguments)
{
    bool json = false, quiet = false, check = false;
    const char *picture = NULL;
    struct hub_id id;
    struct pulled pulled;
    clipseg_error error;
    const struct option options[] = {
        {0, "verify", NULL, "then open it: check every tensor's shape, look for NaN and infinities",
         OPTION_FLAG, &check, NULL},
        {0, "picture", "FILE", "with --verify, as in info", OPTION_TEXT, &picture, NULL},
        {0, "json", NULL, "print one JSON object", OPTION_FLAG, &json, NULL},
        {'q', "quiet", NULL, "no notes, no progress bar", OPTION_FLAG, &quiet, NULL},
        {0}};
    const struct usage usage = {&command_pull, "[options] ORG/NAME[@REVISION]",
                                "Download a model from the Hugging Face hub into its cache, where Python "
                                "programs find it too, and print its "
                                "folder. Only the files that the model consists of are fetched, every one is "
                                "checked, and an interrupted "
                                "download continues where it ended. Use it with -m ORG/NAME. $HF_TOKEN, "
                                "$HF_ENDPOINT, $HF_HOME, $HF_HUB_CACHE "
                                "and $HF_HUB_OFFLINE mean what they mean to the hub's own client.",
                                options};
    clipseg_status status = options_parse(&usage, &count, arguments, &error);
    double start = seconds_now();

    if (!status && count != 2)
        status = error_set(&error, CLIPSEG_ERROR_USAGE,
                           "pull: want one model, for example CIDAS/clipseg-rd64-refined");
    if (!status && !hub_id_parse(&id, arguments[1]))
        status = error_set(&error, CLIPSEG_ERROR_USAGE, "%.200s: want ORG/NAME or ORG/NAME@REVISION",
                           arguments[1]);
    if (!status && picture && !check)
        status = error_set(&error, CLIPSEG_ERROR_USAGE, "--picture: belongs to --verify");
    if (!status)
        status = model_pull(&id, quiet, &pulled, &error);
    if (!status && check)
        status = verify(&pulled, picture, quiet, &error);
    if (status == CLIPSEG_ERROR_INTERRUPTED && signals_stop()) {
        note(quiet, "interrupted; the next run continues there");
        return signals_stop();
    }
    if (status)
        return fail(&error);
    tell(&id, &pulled, seconds_now() - start, quiet || json);
    if (json)
        print_json(&id, &pulled);
    else
        printf("%s\n", pulled.path);
    return stdout_flush(&error) ? fail(&error) : 0;
}

const struct subcommand command_pull = {"pull", "download a model from the Hugging Face hub", run};
