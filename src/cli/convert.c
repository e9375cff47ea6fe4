/* convert.c: `clipseg convert`: a model as one packed file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/demo.h"
#include "model/convert.h"

static clipseg_status open_source(struct checkpoint *checkpoint, const char *name, const char *clip,
                                  clipseg_error *error)
{
    char path[4096], clip_path[4096];
    clipseg_status status;

    if (!strcmp(name, "demo") && demo_file_count)
        return checkpoint_open_memory(checkpoint, name, demo_files, demo_file_count, error);
    if ((status = model_resolve(name, path, sizeof path, error)) != CLIPSEG_OK ||
        (clip && (status = model_resolve(clip, clip_path, sizeof clip_path, error)) != CLIPSEG_OK))
        return status;
    return clip ? checkpoint_open_original(checkpoint, path, clip_path, error)
                : checkpoint_open(checkpoint, path, error);
}

static clipseg_status read_type(const char *name, enum tensor_type *type, clipseg_error *error)
{
    static const struct {
        const char *name;
        enum tensor_type type;
    } types[] = {{"f32", TENSOR_F32}, {"f16", TENSOR_F16}, {"int8", TENSOR_I8}};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(name, types[i].name)) {
            *type = types[i].type;
            return CLIPSEG_OK;
        }
    return error_set(error, CLIPSEG_ERROR_USAGE, "--type %.40s: want f32, f16 or int8", name);
}

static void report(const char *path, const char *type)
{
    struct stat info;

    if (!stat(path, &info))
        note(false, "%s: %s, %.1f MB", path, type, (double)info.st_size / 1e6);
}

static int run(int count, char **arguments)
{
    const char *type_name = "f32", *clip = NULL;
    enum tensor_type type = TENSOR_F32;
    clipseg_model_options model_options;
    bool quiet = false;
    struct checkpoint checkpoint = {0};
    clipseg_error error;
    const struct option options[] = {
        {0, "type", "TYPE",
         "of the weights: f32 (the same results bit by bit), f16 (half the size; the same as weights rounded "
         "to "
         "f16) or int8 (the image tower in bytes: faster, and nearly the same); default f32",
         OPTION_TEXT, &type_name, NULL},
        {0, "clip", "DIR", "as in segment", OPTION_TEXT, &clip, NULL},
        {'t', "threads", "N", "as in segment", OPTION_SIZE, &model_options.threads, NULL},
        {0, "cpu", "NAME", "as in segment; the file is the same for all", OPTION_TEXT, &model_options.cpu,
         NULL},
        {'q', "quiet", NULL, "say nothing", OPTION_FLAG, &quiet, NULL},
        {0}};
    const struct usage usage = {&command_convert, "[options] MODEL FILE.gguf",
                                "Write a model as one file: configuration, tokenizer and weights, arranged "
                                "so that opening the file is "
                                "mapping it. MODEL is whatever -m takes elsewhere.",
                                options};
    clipseg_model_options_default(&model_options);
    if (getenv("CLIPSEG_CPU") && *getenv("CLIPSEG_CPU"))
        model_options.cpu = getenv("CLIPSEG_CPU");
    clipseg_status status = options_parse(&usage, &count, arguments, &error);

    if (!status && count != 3)
        status = error_set(&error, CLIPSEG_ERROR_USAGE,
                           "convert: want a model and the file to write, found %d "
                           "names; see clipseg convert --help",
                           count - 1);
    if (!status)
        status = read_type(type_name, &type, &error);
    if (!status)
        status = open_source(&checkpoint, arguments[1], clip, &error);
    if (!status)
        status = model_convert(&checkpoint, arguments[2], type, &model_options, &error);
    if (!status && !quiet)
        report(arguments[2], type_name);
    return status ? fail(&error) : signals_stop();
}

const struct subcommand command_convert = {"convert", "a model as one file that opens in milliseconds", run};
