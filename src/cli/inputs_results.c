/* inputs_results.c: telling pictures in a folder from what earlier runs have written beside them. */
#include "cli/inputs_results.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "image/image.h"
#include "output/output.h"

#define LONGEST_PATH 4096

bool is_picture(const char *path)
{
    unsigned char start[64];
    int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    ssize_t size = file >= 0 ? read(file, start, sizeof start) : -1;

    if (file >= 0)
        close(file);
    return size > 0 && image_recognised(start, (size_t)size);
}

/* The length without ".NN" or ".NN-PROMPT" at the end, as output_slug makes it; 0: there is none. */
static size_t without_prompt(const char *name, size_t length)
{
    size_t digits = 0;

    while (length && name[length - 1] != '.')
        length--;
    while (name[length + digits] >= '0' && name[length + digits] <= '9')
        digits++;
    return length && digits >= 2 && strchr("-.", name[length + digits]) ? length - 1 : 0;
}

/* How long the picture's own name is in that of a result; 0: this is no result's name. */
static size_t stem_of(const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; output_formats[i]; i++) {
        const struct format *format = output_formats[i];
        size_t suffix = format->suffix && !format->folder ? strlen(format->suffix) : 0;
        if (!suffix || length <= suffix || strcmp(name + length - suffix, format->suffix) != 0)
            continue;
        return format->per_prompt ? without_prompt(name, length - suffix) : length - suffix;
    }
    return 0;
}

/* The first entry that begins with these bytes or comes behind them. */
static size_t find(const struct result_names *names, const char *start, size_t length)
{
    size_t first = 0, end = names->count;

    while (first < end) {
        size_t middle = first + (end - first) / 2;
        if (strncmp(names->entries[middle]->d_name, start, length) < 0)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

static bool is_picture_here(const struct result_names *names, size_t entry)
{
    char path[LONGEST_PATH];
    int size = snprintf(path, sizeof path, "%s/%s", names->folder, names->entries[entry]->d_name);

    return size > 0 && size < LONGEST_PATH && is_picture(path);
}

/* "STEM" or "STEM.EXTENSION", and a picture. A dot follows the stem in the result's name, too. */
static bool look_for_picture(const struct result_names *names)
{
    size_t length = names->stem_length, i = find(names, names->stem, length);

    if (i < names->count && !names->entries[i]->d_name[length] && is_picture_here(names, i))
        return true;
    for (i = find(names, names->stem, length + 1); i < names->count; i++) {
        const char *name = names->entries[i]->d_name;
        if (strncmp(name, names->stem, length + 1) != 0)
            return false;
        if (!strchr(name + length + 1, '.') && is_picture_here(names, i))
            return true;
    }
    return false;
}

bool result_names_hold(struct result_names *names, const char *name)
{
    size_t length = stem_of(name);

    if (!length)
        return false;
    if (!names->stem || length != names->stem_length || strncmp(name, names->stem, length) != 0) {
        names->stem = name;
        names->stem_length = length;
        names->has_picture = look_for_picture(names);
    }
    return names->has_picture;
}
