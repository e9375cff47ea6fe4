/* tokenize.c: `clipseg tokenize`: the ids of a text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/command.h"

static clipseg_status print_ids(const clipseg_model *model, const char *text, size_t length, bool json,
                                clipseg_error *error)
{
    size_t count = 0;
    clipseg_status status = clipseg_tokenize(model, text, length, NULL, 0, &count, error);
    int32_t *ids = memory_zeroed(count, sizeof *ids);

    if (!status && !ids)
        status = error_memory(error);
    if (!status)
        status = clipseg_tokenize(model, text, length, ids, count, &count, error);
    for (size_t i = 0; !status && i < count; i++)
        printf("%s%d", i ? (json ? ", " : " ") : json ? "[" : "", ids[i]);
    if (!status)
        printf(json ? "]\n" : "\n");
    free(ids);
    return status;
}

/* Every line, empty ones too. */
static clipseg_status print_file(const clipseg_model *model, const char *path, bool json,
                                 clipseg_error *error)
{
    struct file_map map;
    clipseg_status status = file_map_list(&map, path, FILE_LIST_LIMIT, error);

    if (status)
        return status;
    for (size_t i = 0; !status && i < map.size;) {
        const unsigned char *end = memchr(map.data + i, '\n', map.size - i);
        size_t length = end ? (size_t)(end - map.data) - i : map.size - i;
        status = print_ids(model, (const char *)map.data + i, length, json, error);
        i += length + 1;
    }
    file_map_close(&map);
    return status;
}

static int run(int count, char **arguments)
{
    struct model_choice choice = {0};
    const char *list = NULL;
    bool json = false;
    clipseg_model *model = NULL;
    clipseg_error error;
    const struct option options[] = {
        {'m', "model", "MODEL", "whose vocabulary; default $CLIPSEG_MODEL, else the built-in model",
         OPTION_TEXT, &choice.model, NULL},
        {0, "pull", NULL, "as in segment", OPTION_FLAG, &choice.pull, NULL},
        {0, "files-from", "FILE", "texts from a file, one per line, empty ones too; - reads stdin",
         OPTION_TEXT, &list, NULL},
        {0, "cpu", "NAME", "as in segment", OPTION_TEXT, &choice.cpu, NULL},
        {'t', "threads", "N", "as in segment", OPTION_SIZE, &choice.threads, NULL},
        {0, "json", NULL, "print lists", OPTION_FLAG, &json, NULL},
        {'q', "quiet", NULL, "no notes", OPTION_FLAG, &choice.quiet, NULL},
        {0}};
    const struct usage usage = {
        &command_tokenize, "[options] TEXT ...",
        "Print the token ids of each text on a line of its own, with start and end token, never "
        "cut. Behind -- any text may stand.",
        options};
    clipseg_status status = options_parse(&usage, &count, arguments, &error);

    if (!status && count < 2 && !list)
        status = error_set(&error, CLIPSEG_ERROR_USAGE, "no text; see clipseg tokenize --help");
    if (!status)
        status = model_choose(&model, &choice, &error);
    for (int i = 1; !status && i < count; i++)
        status = print_ids(model, arguments[i], strlen(arguments[i]), json, &error);
    if (!status && list)
        status = print_file(model, list, json, &error);
    if (!status)
        status = stdout_flush(&error);
    clipseg_model_close(&model);
    return status ? fail(&error) : 0;
}

const struct subcommand command_tokenize = {"tokenize", "the token ids of a text", run};
