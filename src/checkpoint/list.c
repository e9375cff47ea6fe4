/* list.c: the growing and the searching of a checkpoint's lists. */
#include "checkpoint/list.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* Lists grow at powers of two: no capacity needs to be stored. */
static bool grow(void **list, size_t count, size_t size)
{
    if (count & (count - 1)) /* not a power of two: there is room */
        return true;
    void *larger = realloc(*list, (count ? 2 * count : 1) * size);
    if (larger)
        *list = larger;
    return larger != NULL;
}

char *checkpoint_keep_string(struct checkpoint *checkpoint, const char *text, size_t length)
{
    void *list = checkpoint->strings;
    char *copy;

    if (!grow(&list, checkpoint->string_count, sizeof *checkpoint->strings))
        return NULL;
    checkpoint->strings = list;
    copy = memory_string(text, length);
    if (copy)
        checkpoint->strings[checkpoint->string_count++] = copy;
    return copy;
}

bool checkpoint_add_map(struct checkpoint *checkpoint, struct file_map map)
{
    void *list = checkpoint->maps;

    if (!grow(&list, checkpoint->map_count, sizeof *checkpoint->maps))
        return false;
    checkpoint->maps = list;
    checkpoint->maps[checkpoint->map_count++] = map;
    return true;
}

bool checkpoint_add_tensor(struct checkpoint *checkpoint, const struct tensor *tensor)
{
    void *list = checkpoint->tensors;

    if (!grow(&list, checkpoint->tensor_count, sizeof *checkpoint->tensors))
        return false;
    checkpoint->tensors = list;
    checkpoint->tensors[checkpoint->tensor_count++] = *tensor;
    return true;
}

bool checkpoint_add_text(struct checkpoint *checkpoint, const char *name, const void *data, size_t size)
{
    void *list = checkpoint->texts;

    if (!grow(&list, checkpoint->text_count, sizeof *checkpoint->texts))
        return false;
    checkpoint->texts = list;
    checkpoint->texts[checkpoint->text_count++] = (clipseg_file){name, data, size};
    return true;
}

bool checkpoint_replace_text(struct checkpoint *checkpoint, const char *name, const char *content)
{
    const char *kept = content ? checkpoint_keep_string(checkpoint, content, strlen(content)) : NULL;
    size_t i = 0;

    while (i < checkpoint->text_count && strcmp(checkpoint->texts[i].name, name) != 0)
        i++;
    if (content && !kept)
        return false;
    if (kept && i == checkpoint->text_count)
        return checkpoint_add_text(checkpoint, name, kept, strlen(kept));
    if (kept)
        checkpoint->texts[i] = (clipseg_file){checkpoint->texts[i].name, kept, strlen(kept)};
    else if (i < checkpoint->text_count)
        checkpoint->texts[i] = checkpoint->texts[--checkpoint->text_count];
    return true;
}

bool checkpoint_take_over(struct checkpoint *checkpoint, struct checkpoint *from)
{
    for (; from->map_count; from->map_count--)
        if (!checkpoint_add_map(checkpoint, from->maps[from->map_count - 1]))
            return false;
    for (; from->string_count; from->string_count--) {
        void *list = checkpoint->strings;
        if (!grow(&list, checkpoint->string_count, sizeof *checkpoint->strings))
            return false;
        checkpoint->strings = list;
        checkpoint->strings[checkpoint->string_count++] = from->strings[from->string_count - 1];
    }
    return true;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct tensor *)a)->name, ((const struct tensor *)b)->name);
}

clipseg_status checkpoint_sort(struct checkpoint *checkpoint, clipseg_error *error)
{
    if (checkpoint->tensor_count)
        qsort(checkpoint->tensors, checkpoint->tensor_count, sizeof *checkpoint->tensors, compare_names);
    for (size_t i = 1; i < checkpoint->tensor_count; i++)
        if (!compare_names(&checkpoint->tensors[i - 1], &checkpoint->tensors[i]))
            return error_set(error, CLIPSEG_ERROR_MODEL, "%s: tensor \"%s\" occurs twice",
                             checkpoint->tensors[i].file, checkpoint->tensors[i].name);
    return CLIPSEG_OK;
}

const struct tensor *checkpoint_find(const struct checkpoint *checkpoint, const char *name)
{
    struct tensor wanted = {.name = name};

    if (!checkpoint->tensor_count)
        return NULL;
    return bsearch(&wanted, checkpoint->tensors, checkpoint->tensor_count, sizeof wanted, compare_names);
}

const clipseg_file *checkpoint_text(const struct checkpoint *checkpoint, const char *name)
{
    for (size_t i = 0; i < checkpoint->text_count; i++)
        if (!strcmp(checkpoint->texts[i].name, name))
            return &checkpoint->texts[i];
    return NULL;
}

void checkpoint_close(struct checkpoint *checkpoint)
{
    for (size_t i = 0; i < checkpoint->map_count; i++)
        file_map_close(&checkpoint->maps[i]);
    for (size_t i = 0; i < checkpoint->string_count; i++)
        free(checkpoint->strings[i]);
    free(checkpoint->maps);
    free(checkpoint->strings);
    free(checkpoint->tensors);
    free(checkpoint->texts);
    *checkpoint = (struct checkpoint){0};
}
