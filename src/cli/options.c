/* options.c: the command line of every subcommand, from its table of options. */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/hash.h"
#include "cli/command.h"

/* ---- help */

static void print_wrapped(const char *text, int indent, int width)
{
    int column = indent;

    while (*text) {
        size_t word = strcspn(text, " ");
        if (column > indent && column + 1 + (int)word > width) {
            printf("\n%*s", indent, "");
            column = indent;
        }
        column += printf("%s%.*s", column > indent ? " " : "", (int)word, text);
        text += word + strspn(text + word, " ");
    }
    printf("\n");
}

static void print_option(const struct option *option)
{
    char left[64];

    snprintf(left, sizeof left, "%c%c%s--%s%s%s", option->letter ? '-' : ' ',
             option->letter ? option->letter : ' ', option->letter ? ", " : "  ", option->name,
             option->value ? " " : "", option->value ? option->value : "");
    printf("  %-28s", left);
    if (strlen(left) > 27)
        printf("\n%30s", "");
    print_wrapped(option->help, 30, 110);
}

static void print_usage(const struct usage *usage)
{
    printf("usage: clipseg %s %s\n\n", usage->subcommand->name, usage->synopsis);
    print_wrapped(usage->text, 0, 110);
    printf("\n");
    for (const struct option *option = usage->options; option->name; option++)
        print_option(option);
    print_option(&(struct option){'h', "help", NULL, "this text", OPTION_FLAG, NULL, NULL});
}

/* ---- values */

bool parse_size(const char *text, size_t minimum, size_t maximum, size_t *value)
{
    char *end;

    errno = 0;
    if (*text < '0' || *text > '9')
        return false;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno || *end || number < minimum || number > maximum)
        return false;
    *value = (size_t)number;
    return true;
}

static bool parse_number(const char *text, double *value)
{
    char *end;

    *value = strtod(text, &end);
    return end != text && !*end && isfinite(*value);
}

/* ---- what results depend on */

static uint64_t key = HASH_START;

uint64_t options_key(void)
{
    return key;
}

/* Options that say where and how fast, not what; model_key tells models apart. */
static bool is_aside(const char *name)
{
    static const char *const names[] = {"model", "pull",  "output", "files-from",   "threads",
                                        "jobs",  "quiet", "shard",  "skip-existing"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i]))
            return true;
    return false;
}

/* A value that names a file stands for what the file holds now. */
static void add_to_key(const struct option *option, const char *value)
{
    struct stat info;

    if (is_aside(option->name))
        return;
    key = hash_text(hash_text(key, option->name), value ? value : "");
    if (!value || stat(value, &info) || !S_ISREG(info.st_mode))
        return;
    key = hash_number(hash_number(hash_number(key, info.st_size), info.st_mtim.tv_sec), info.st_mtim.tv_nsec);
}

static clipseg_status set_option(const struct option *option, const char *value, clipseg_error *error)
{
    add_to_key(option, value);
    switch (option->kind) {
    case OPTION_FLAG:
        *(bool *)option->target = true;
        return CLIPSEG_OK;
    case OPTION_TEXT:
        *(const char **)option->target = value;
        return CLIPSEG_OK;
    case OPTION_SIZE:
        if (parse_size(value, 0, SIZE_MAX / 4, option->target))
            return CLIPSEG_OK;
        return error_set(error, CLIPSEG_ERROR_USAGE, "--%s %.60s: want a whole number", option->name, value);
    case OPTION_NUMBER:
        if (parse_number(value, option->target))
            return CLIPSEG_OK;
        return error_set(error, CLIPSEG_ERROR_USAGE, "--%s %.60s: want a number", option->name, value);
    default:
        return option->call(option->target, value, error);
    }
}

/* ---- the command line */

/* How many letters have to be changed, added or left out (Levenshtein), for names up to 31 letters. */
static size_t distance(const char *a, const char *b)
{
    size_t row[32], n = strnlen(b, 31);

    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 0; a[i] && i < 31; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < n; j++) {
            size_t change = diagonal + (a[i] != b[j]), insert = row[j] + 1, erase = row[j + 1] + 1;
            diagonal = row[j + 1];
            row[j + 1] = change < insert  ? (change < erase ? change : erase)
                         : insert < erase ? insert
                                          : erase;
        }
    }
    return row[n];
}

static clipseg_status refuse_unknown(const struct usage *usage, const char *argument, clipseg_error *error)
{
    const struct option *nearest = NULL;
    size_t best = 4;

    for (const struct option *option = usage->options; option->name; option++) {
        size_t d = distance(argument + strspn(argument, "-"), option->name);
        if (d < best) {
            best = d;
            nearest = option;
        }
    }
    if (nearest)
        return error_set(error, CLIPSEG_ERROR_USAGE, "unknown option %.60s; is --%s meant?", argument,
                         nearest->name);
    return error_set(error, CLIPSEG_ERROR_USAGE, "unknown option %.60s; see clipseg %s --help", argument,
                     usage->subcommand->name);
}

static const struct option *find_long(const struct usage *usage, const char *name, size_t length)
{
    for (const struct option *option = usage->options; option->name; option++)
        if (strlen(option->name) == length && !memcmp(option->name, name, length))
            return option;
    return NULL;
}

static const struct option *find_letter(const struct usage *usage, char letter)
{
    for (const struct option *option = usage->options; option->name; option++)
        if (option->letter && option->letter == letter)
            return option;
    return NULL;
}

/* Where parsing stands. */
struct cursor {
    char **arguments;
    int count, next;
};

/* A value that stands behind its option: attached, or the next argument. */
static clipseg_status take_value(struct cursor *c, const struct option *option, const char *attached,
                                 clipseg_error *error)
{
    if (!option->value)
        return set_option(option, NULL, error);
    if (!attached && c->next >= c->count)
        return error_set(error, CLIPSEG_ERROR_USAGE, "--%s: want a value (%s)", option->name, option->value);
    return set_option(option, attached ? attached : c->arguments[c->next++], error);
}

static clipseg_status parse_long(const struct usage *usage, struct cursor *c, const char *argument,
                                 clipseg_error *error)
{
    const char *name = argument + 2;
    size_t length = strcspn(name, "=");
    const struct option *option = find_long(usage, name, length);

    if (!option)
        return refuse_unknown(usage, argument, error);
    if (name[length] && !option->value)
        return error_set(error, CLIPSEG_ERROR_USAGE, "--%s takes no value", option->name);
    return take_value(c, option, name[length] ? name + length + 1 : NULL, error);
}

/* -q, -t2, -qt 2 */
static clipseg_status parse_letters(const struct usage *usage, struct cursor *c, const char *argument,
                                    clipseg_error *error)
{
    for (const char *letter = argument + 1; *letter; letter++) {
        const struct option *option = find_letter(usage, *letter);
        if (!option)
            return refuse_unknown(usage, argument, error);
        bool rest = option->value && letter[1];
        clipseg_status status = take_value(c, option, rest ? letter + 1 : NULL, error);
        if (status || rest || option->value)
            return status;
    }
    return CLIPSEG_OK;
}

clipseg_status options_parse(const struct usage *usage, int *count, char **arguments, clipseg_error *error)
{
    struct cursor c = {arguments, *count, 1};
    int operands = 1;
    bool only_operands = false;

    while (c.next < c.count) {
        char *argument = arguments[c.next++];
        clipseg_status status = CLIPSEG_OK;
        if (only_operands || argument[0] != '-' || !argument[1]) {
            arguments[operands++] = argument;
        } else if (!strcmp(argument, "--")) {
            only_operands = true;
        } else if (!strcmp(argument, "--help") || !strcmp(argument, "-h")) {
            print_usage(usage);
            exit(0);
        } else {
            status = argument[1] == '-' ? parse_long(usage, &c, argument, error)
                                        : parse_letters(usage, &c, argument, error);
        }
        if (status)
            return status;
    }
    *count = operands;
    return CLIPSEG_OK;
}
