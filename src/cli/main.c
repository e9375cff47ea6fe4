/* main.c: the table of subcommands. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"

const struct subcommand *const subcommands[] = {
    &command_segment, &command_prompt, &command_prelabel, &command_fetch, &command_classify,
    &command_embed,   &command_index,  &command_search,   &command_pull,  &command_models,
    &command_convert, &command_info,   &command_tokenize, &command_bench, NULL};

static void print_help(void)
{
    printf(
        "usage: clipseg COMMAND [options] ...\n\n"
        "Zero-shot image segmentation: cut out of a picture whatever a phrase or another picture names.\n\n");
    for (size_t i = 0; subcommands[i]; i++)
        printf("  %-10s %s\n", subcommands[i]->name, subcommands[i]->help);
    printf("  %-10s %s\n\n", "help", "how a command is used: clipseg help COMMAND");
    printf("example: clipseg segment breakfast.jpg -p pancakes -p \"orange juice\"\n"
           "manual:  man clipseg\n");
}

static const struct subcommand *find(const char *name)
{
    for (size_t i = 0; subcommands[i]; i++)
        if (!strcmp(subcommands[i]->name, name))
            return subcommands[i];
    return NULL;
}

int main(int count, char **arguments)
{
    const char *name = count > 1 ? arguments[1] : "";
    bool help = !strcmp(name, "help");

    signals_install();
    if (!strcmp(name, "--version")) {
        printf("clipseg %s\n", clipseg_version());
        return 0;
    }
    if (!strcmp(name, "--help") || !strcmp(name, "-h") || (help && count == 2)) {
        print_help();
        return 0;
    }
    if (help)
        name = arguments[2];
    const struct subcommand *command = find(name);
    if (!command) {
        fprintf(stderr, "clipseg: %s%s%s; see clipseg --help\n", *name ? "no command \"" : "want a command",
                name, *name ? "\"" : "");
        return CLIPSEG_ERROR_USAGE;
    }
    if (help) {
        char ask[] = "--help", *two[] = {arguments[2], ask, NULL};
        return command->run(2, two);
    }
    return command->run(count - 1, arguments + 1);
}
