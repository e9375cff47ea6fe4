/* inputs.c: files, folders and lists of pictures. */
#include "cli/inputs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/inputs_results.h"

#define DEEPEST 64
#define STDIN_LIMIT ((size_t)1 << 30)

static char *join(const char *folder, const char *name)
{
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = malloc(size);

    if (path)
        snprintf(path, size, "%s%s%s", folder, *folder && folder[strlen(folder) - 1] != '/' ? "/" : "", name);
    return path;
}

static void free_input(struct input *input)
{
    free(input->path);
    free(input->base);
    free(input->name);
}

/* ---- adding */

/* relative: the path below the folder that was named, or the file's name alone: what is mirrored under
 * `output`. */
static clipseg_status add(struct inputs *inputs, const char *path, const char *relative, const char *output,
                          clipseg_error *error)
{
    bool is_stdin = !strcmp(path, "-");
    const char *from = is_stdin ? "stdin" : output ? relative : path;
    struct input input = {.path = memory_string(path, strlen(path)),
                          .name = memory_string(from, strlen(from))};

    input.base = output ? join(output, from) : memory_string(from, strlen(from));
    if (inputs->count == inputs->capacity) {
        size_t capacity = inputs->capacity ? 2 * inputs->capacity : 16;
        struct input *items = realloc(inputs->items, capacity * sizeof *items);
        inputs->items = items ? items : inputs->items;
        inputs->capacity = items ? capacity : inputs->capacity;
    }
    if (!input.path || !input.base || !input.name || inputs->count == inputs->capacity) {
        free_input(&input);
        return error_memory(error);
    }
    char *slash = strrchr(input.base, '/'), *dot = strrchr(slash ? slash : input.base, '.');
    if (dot && dot != input.base && dot[-1] != '/' && !is_stdin)
        *dot = 0;
    input.below = input.path + strlen(path) - strlen(relative);
    input.number = inputs->count + 1;
    inputs->items[inputs->count++] = input;
    return CLIPSEG_OK;
}

/* ---- folders */

struct visit {
    dev_t device;
    ino_t inode;
    const struct visit *above;
    size_t depth;
};

struct walk {
    struct inputs *inputs;
    const char *root; /* the folder that was named */
    const char *output;
    struct stat output_info; /* of that folder, where it exists */
    clipseg_error *error;
};

static clipseg_status walk_folder(const struct walk *walk, const char *folder, const struct visit *above);

static clipseg_status walk_entry(const struct walk *walk, const char *path, const struct visit *above)
{
    struct stat info;

    if (stat(path, &info)) /* a dangling link is none of our business */
        return CLIPSEG_OK;
    if (S_ISDIR(info.st_mode)) {
        struct visit here = {info.st_dev, info.st_ino, above, above ? above->depth + 1 : 0};
        if (above && here.inode == walk->output_info.st_ino && here.device == walk->output_info.st_dev)
            return CLIPSEG_OK; /* what lies there are results */
        for (const struct visit *v = above; v; v = v->above)
            if (v->device == here.device && v->inode == here.inode)
                return CLIPSEG_OK; /* a link back to a folder that we are in */
        return here.depth < DEEPEST ? walk_folder(walk, path, &here) : CLIPSEG_OK;
    }
    if (!S_ISREG(info.st_mode) || !is_picture(path))
        return CLIPSEG_OK;
    const char *relative = path + strlen(walk->root);
    return add(walk->inputs, path, relative + strspn(relative, "/"), walk->output, walk->error);
}

static int keep_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static clipseg_status walk_folder(const struct walk *walk, const char *folder, const struct visit *above)
{
    struct dirent **entries = NULL;
    struct result_names names;
    int count = scandir(folder, &entries, keep_visible, by_name);
    clipseg_status status = CLIPSEG_OK;

    if (count < 0)
        return error_set(walk->error, errno == ENOMEM ? CLIPSEG_ERROR_MEMORY : CLIPSEG_ERROR_IO,
                         "%s: cannot be read: %s", folder, strerror(errno));
    names = (struct result_names){.folder = folder, .entries = entries, .count = (size_t)count};
    for (int i = 0; !status && i < count; i++) {
        if (result_names_hold(&names, entries[i]->d_name))
            continue;
        char *path = join(folder, entries[i]->d_name);
        status = path ? walk_entry(walk, path, above) : error_memory(walk->error);
        free(path);
    }
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    return status;
}

/* ---- operands and lists */

static clipseg_status add_operand(struct inputs *inputs, const char *operand, const char *output,
                                  clipseg_error *error)
{
    struct stat info;
    const char *slash = strrchr(operand, '/');

    if (strcmp(operand, "-") != 0 && stat(operand, &info) == 0 && S_ISDIR(info.st_mode)) {
        struct walk walk = {.inputs = inputs, .root = operand, .output = output, .error = error};
        if (output && stat(output, &walk.output_info))
            walk.output_info = (struct stat){0};
        size_t before = inputs->count;
        inputs->is_batch = true;
        clipseg_status status = walk_entry(&walk, operand, NULL);
        if (!status && inputs->count == before)
            status = error_set(error, CLIPSEG_ERROR_IMAGE, "%s: the folder holds no pictures", operand);
        return status;
    }
    return add(inputs, operand, slash ? slash + 1 : operand, output, error);
}

static clipseg_status add_list(struct inputs *inputs, const char *list, const char *output,
                               clipseg_error *error)
{
    struct file_map map;
    clipseg_status status = file_map_list(&map, list, FILE_LIST_LIMIT, error);

    if (status)
        return status;
    inputs->is_batch = true;
    for (size_t i = 0; !status && i < map.size;) {
        const unsigned char *end = memchr(map.data + i, '\n', map.size - i);
        size_t length = end ? (size_t)(end - map.data) - i : map.size - i;
        size_t trimmed = length && map.data[i + length - 1] == '\r' ? length - 1 : length;
        char *path = memory_string((const char *)map.data + i, trimmed);
        if (!path)
            status = error_memory(error);
        else if (*path)
            status = add_operand(inputs, path, output, error);
        free(path);
        i += length + 1;
    }
    file_map_close(&map);
    return status;
}

static int by_base(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

clipseg_status inputs_check_names(const struct inputs *inputs, clipseg_error *error)
{
    char **bases = memory_zeroed(inputs->count, sizeof *bases);
    clipseg_status status = CLIPSEG_OK;

    if (!bases)
        return error_memory(error);
    for (size_t i = 0; i < inputs->count; i++)
        bases[i] = inputs->items[i].base;
    qsort(bases, inputs->count, sizeof *bases, by_base);
    for (size_t i = 1; !status && i < inputs->count; i++)
        if (!strcmp(bases[i - 1], bases[i]))
            status = error_set(error, CLIPSEG_ERROR_USAGE,
                               "two inputs would write the same files, %s.*; give them "
                               "different names or run them apart",
                               bases[i]);
    free(bases);
    return status;
}

clipseg_status inputs_collect(struct inputs *inputs, char **operands, size_t count, const char *list,
                              const char *output, clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;

    *inputs = (struct inputs){.is_batch = count > 1};
    for (size_t i = 0; !status && i < count; i++)
        status = add_operand(inputs, operands[i], output, error);
    if (!status && list)
        status = add_list(inputs, list, output, error);
    if (!status && !inputs->count)
        status = error_set(error, CLIPSEG_ERROR_USAGE, "no picture: name files or folders, or - for stdin");
    if (status)
        inputs_free(inputs);
    return status;
}

clipseg_status shard_parse(void *target, const char *value, clipseg_error *error)
{
    struct shard *shard = target;
    char number[24];
    size_t length = strcspn(value, "/");

    snprintf(number, sizeof number, "%.*s", (int)size_min(length, 23), value);
    if (value[length] && parse_size(value + length + 1, 1, 1000000, &shard->count) &&
        parse_size(number, 1, shard->count, &shard->number))
        return CLIPSEG_OK;
    return error_set(error, CLIPSEG_ERROR_USAGE, "--shard %.40s: want I/N, for example 2/5", value);
}

bool shard_has(const struct shard *shard, const char *name)
{
    return !shard->count || hash_spread(hash_text(HASH_START, name)) % shard->count == shard->number - 1;
}

void inputs_keep_shard(struct inputs *inputs, const struct shard *shard)
{
    size_t kept = 0;

    for (size_t i = 0; i < inputs->count; i++) {
        struct input *input = &inputs->items[i];
        if (shard_has(shard, input->below)) {
            inputs->items[kept++] = *input;
            continue;
        }
        free_input(input);
    }
    inputs->count = kept;
}

char *inputs_folder(const struct inputs *inputs, const char *output)
{
    const char *first = inputs->count ? inputs->items[0].base : "";
    size_t length = strlen(first);

    for (size_t i = 0; i < inputs->count; i++) {
        size_t same = 0;
        while (same < length && inputs->items[i].base[same] == first[same])
            same++;
        length = same;
    }
    while (length && first[length - 1] != '/')
        length--;
    char *folder = output   ? memory_string(output, strlen(output))
                   : length ? memory_string(first, length)
                            : memory_string(".", 1);
    if (folder && !output && access(folder, W_OK)) {
        free(folder);
        folder = NULL;
    }
    return folder;
}

clipseg_status input_load(const char *path, const clipseg_image_options *options, clipseg_image *image,
                          clipseg_error *error)
{
    struct file_map map;
    clipseg_status status;

    if (strcmp(path, "-") != 0)
        return clipseg_image_load(image, path, options, error);
    status = file_map_stream(&map, stdin, "stdin", STDIN_LIMIT, error);
    if (status)
        return status;
    status = clipseg_image_load_memory(image, map.data, map.size, "stdin", options, error);
    file_map_close(&map);
    return status;
}

const char **inputs_paths(const struct inputs *inputs, clipseg_error *error)
{
    const char **paths = memory_zeroed(inputs->count, sizeof *paths);

    for (size_t i = 0; paths && i < inputs->count; i++)
        paths[i] = inputs->items[i].path;
    if (!paths)
        error_memory(error);
    return paths;
}

void inputs_free(struct inputs *inputs)
{
    for (size_t i = 0; i < inputs->count; i++)
        free_input(&inputs->items[i]);
    free(inputs->items);
    *inputs = (struct inputs){0};
}
