/* convert.c: `clipseg convert`: a model as one packed file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "cli/accuracy.h"
#include "cli/calibrate.h"
#include "cli/command.h"
#include "cli/demo.h"
#include "model/convert.h"
#include "model/pack.h"

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
    } types[] = {{"f32", TENSOR_F32}, {"f16", TENSOR_F16}, {"int16", TENSOR_I16}, {"int8", TENSOR_I8}};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(name, types[i].name)) {
            *type = types[i].type;
            return CLIPSEG_OK;
        }
    return error_set(error, CLIPSEG_ERROR_USAGE, "--type %.40s: want f32, f16, int16 or int8", name);
}

struct conversion {
    const char *source, *path, *clip, *type_name, *folder; /* folder: of --calibrate */
    enum tensor_type type;
    clipseg_model_options model_options;
    struct own_pictures own;
    struct calibration pictures;
    struct accuracy accuracy;
    bool quiet, json;
};

/* Are the file's answers compared with the model's? */
static bool is_compared(const struct conversion *c)
{
    return type_is_integers(c->type) && (c->json || !c->quiet);
}

/* ---- how near the file is */

static clipseg_status measure(struct conversion *c, clipseg_error *error)
{
    const struct model_choice choice = {
        c->source, c->model_options.cpu, c->clip, c->model_options.threads, false, true};
    clipseg_model *reference = NULL, *model = NULL;
    clipseg_status status = model_choose(&reference, &choice, error);

    if (!status)
        status = clipseg_model_open(&model, c->path, &c->model_options, error);
    if (!status)
        status =
            accuracy_measure(&c->accuracy, reference, model, &c->pictures, c->model_options.threads, error);
    clipseg_model_close(&model);
    clipseg_model_close(&reference);
    return status;
}

/* Which pictures, in words. */
static void name_pictures(const struct conversion *c, char *out, size_t size)
{
    size_t found = c->own.found.count;

    if (!c->folder)
        snprintf(out, size, "%zu built-in pictures", c->pictures.count);
    else if (c->pictures.count < found)
        snprintf(out, size, "%zu of the %zu pictures of %s, spread evenly over their names",
                 c->pictures.count, found, c->folder);
    else
        snprintf(out, size, "%zu picture%s of %s", found, found == 1 ? "" : "s", c->folder);
}

static void print_json(const struct conversion *c, size_t bytes)
{
    struct buffer text = {0};

    buffer_text(&text, "{\"file\": ");
    buffer_json_string(&text, c->path);
    buffer_format(&text, ", \"type\": \"%s\", \"bytes\": %zu", c->type_name, bytes);
    if (c->type == TENSOR_I8) {
        buffer_text(&text, ", \"calibrated_on\": [");
        for (size_t i = 0; i < c->own.used; i++) {
            buffer_text(&text, i ? ", " : "");
            buffer_json_string(&text, c->own.found.items[i].path);
        }
        buffer_text(&text, "]");
    }
    if (is_compared(c)) {
        buffer_text(&text, ", \"accuracy\": ");
        accuracy_json(&text, &c->accuracy);
    }
    buffer_text(&text, "}");
    if (!text.failed)
        puts(text.data);
    buffer_free(&text);
}

static clipseg_status report(const struct conversion *c, clipseg_error *error)
{
    char pictures[4400];
    struct stat info = {0};

    stat(c->path, &info);
    name_pictures(c, pictures, sizeof pictures);
    note(c->quiet, "%s: %s, %.1f MB", c->path, c->type_name, (double)info.st_size / 1e6);
    if (c->json)
        print_json(c, (size_t)info.st_size);
    else if (is_compared(c))
        accuracy_print(&c->accuracy, pictures);
    return stdout_flush(error);
}

/* ---- */

static clipseg_status choose_pictures(struct conversion *c, clipseg_error *error)
{
    clipseg_status status;

    c->pictures = calibration_drawn();
    if (c->folder && c->type != TENSOR_I8)
        return error_set(error, CLIPSEG_ERROR_USAGE, "--calibrate belongs to --type int8");
    if (c->accuracy.count && !type_is_integers(c->type))
        return error_set(error, CLIPSEG_ERROR_USAGE, "-p belongs to --type int16 and int8");
    if (!c->folder)
        return CLIPSEG_OK;
    if ((status = own_pictures_collect(&c->own, c->folder, error)) == CLIPSEG_OK)
        c->pictures = own_pictures_calibration(&c->own);
    return status;
}

static clipseg_status convert(struct conversion *c, clipseg_error *error)
{
    struct checkpoint checkpoint = {0};
    clipseg_status status;

    if ((status = read_type(c->type_name, &c->type, error)) != CLIPSEG_OK ||
        (status = choose_pictures(c, error)) != CLIPSEG_OK ||
        (status = open_source(&checkpoint, c->source, c->clip, error)) != CLIPSEG_OK)
        return status;
    progress_enable(!c->quiet);
    status = model_convert(&checkpoint, c->path, c->type, &c->pictures, &c->model_options, error);
    if (!status && is_compared(c))
        status = measure(c, error);
    if (!status && !signals_stop())
        status = report(c, error);
    return status;
}

static int run(int count, char **arguments)
{
    struct conversion c = {.type_name = "f32"};
    clipseg_error error;
    const struct option options[] = {
        {0, "type", "TYPE",
         "of the weights: f32 (the same results bit by bit), f16 (half the size; the same as weights rounded "
         "to f16), int16 (the image tower in 16-bit integers: faster, and the same but for traces) or int8 "
         "(in bytes: faster still, and nearly the same); default f32",
         OPTION_TEXT, &c.type_name, NULL},
        {0, "calibrate", "DIR",
         "with int8: pictures like those that the model will see, of which 16 are used; default: a few that "
         "are built in",
         OPTION_TEXT, &c.folder, NULL},
        {'p', "prompt", "TEXT",
         "with int16 and int8: a phrase to compare the masks with, repeatable; default: a few that fit any "
         "picture",
         OPTION_CALL, &c.accuracy, accuracy_add_prompt},
        {0, "clip", "DIR", "as in segment", OPTION_TEXT, &c.clip, NULL},
        {'t', "threads", "N", "as in segment", OPTION_SIZE, &c.model_options.threads, NULL},
        {0, "cpu", "NAME", "as in segment; the file is the same for all, of int8 nearly", OPTION_TEXT,
         &c.model_options.cpu, NULL},
        {0, "json", NULL, "print one JSON object", OPTION_FLAG, &c.json, NULL},
        {'q', "quiet", NULL, "say nothing, and do not measure how near int16 or int8 is", OPTION_FLAG,
         &c.quiet, NULL},
        {0}};
    const struct usage usage = {
        &command_convert, "[options] MODEL FILE.gguf",
        "Write a model as one file: configuration, tokenizer and weights, arranged "
        "so that opening the file is mapping it. MODEL is whatever -m takes "
        "elsewhere. For int16 and int8 the file's masks are compared with the model's.",
        options};
    clipseg_model_options_default(&c.model_options);
    if (getenv("CLIPSEG_CPU") && *getenv("CLIPSEG_CPU"))
        c.model_options.cpu = getenv("CLIPSEG_CPU");
    clipseg_status status = options_parse(&usage, &count, arguments, &error);

    if (!status && count != 3)
        status = error_set(&error, CLIPSEG_ERROR_USAGE,
                           "convert: want a model and the file to write, found %d "
                           "names; see clipseg convert --help",
                           count - 1);
    if (!status) {
        c.source = arguments[1];
        c.path = arguments[2];
        status = convert(&c, &error);
    }
    own_pictures_free(&c.own);
    return status ? fail(&error) : signals_stop();
}

const struct subcommand command_convert = {"convert", "a model as one file that opens in milliseconds", run};
