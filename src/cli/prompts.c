/* prompts.c: collecting prompts and turning them into embeddings before the first picture. */
#include "cli/prompts.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/command.h"

static clipseg_status add(struct prompt_list *list, bool is_picture, const char *value, size_t length,
                          clipseg_error *error)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 16;
        struct prompt_item *items = realloc(list->items, capacity * sizeof *items);
        if (!items)
            return error_memory(error);
        list->items = items;
        list->capacity = capacity;
    }
    struct prompt_item item = {is_picture, memory_string(value, length), NULL};
    if (!item.value)
        return error_memory(error);
    const char *slash = is_picture ? strrchr(item.value, '/') : NULL;
    item.title = slash ? slash + 1 : item.value;
    list->items[list->count++] = item;
    return CLIPSEG_OK;
}

clipseg_status prompts_add_text(void *target, const char *value, clipseg_error *error)
{
    return add(target, false, value, strlen(value), error);
}

clipseg_status prompts_add_picture(void *target, const char *value, clipseg_error *error)
{
    return add(target, true, value, strlen(value), error);
}

clipseg_status prompts_add_file(void *target, const char *value, clipseg_error *error)
{
    struct file_map map;
    clipseg_status status = file_map_open(&map, value, error);

    if (status)
        return status;
    if (memchr(map.data, 0, map.size))
        status =
            error_set(error, CLIPSEG_ERROR_USAGE, "%s: holds a NUL byte; want one prompt per line", value);
    for (size_t i = 0; !status && i < map.size;) {
        const char *line = (const char *)map.data + i, *end = memchr(line, '\n', map.size - i);
        size_t length = end ? (size_t)(end - line) : map.size - i;
        i += length + 1;
        if (length && line[length - 1] == '\r')
            length--;
        if (length)
            status = add(target, false, line, length, error);
    }
    file_map_close(&map);
    return status;
}

static clipseg_status check_length(const struct prompt_item *item, const clipseg_model *model, bool quiet,
                                   clipseg_error *error)
{
    clipseg_model_info info;
    size_t count = 0;
    clipseg_status status;

    clipseg_model_get_info(model, &info);
    status = clipseg_tokenize(model, item->value, strlen(item->value), NULL, 0, &count, error);
    if (!status && count > info.context_length)
        note(quiet, "prompt \"%.60s...\": %zu tokens are cut to %zu", item->value, count,
             info.context_length);
    return status;
}

static clipseg_status embed(struct prompt_item *item, const clipseg_model *model, clipseg_session *session,
                            const clipseg_image_options *options, bool quiet, float *embedding,
                            clipseg_error *error)
{
    clipseg_image image = {0};
    clipseg_prompt prompt = clipseg_text(item->value);
    clipseg_status status;

    if (item->is_picture) {
        status = clipseg_image_load(&image, item->value, options, error);
        prompt = clipseg_picture(&image);
    } else {
        status = check_length(item, model, quiet, error);
    }
    if (!status)
        status = clipseg_session_embed(session, &prompt, embedding, error);
    clipseg_image_free(&image);
    return status;
}

clipseg_status prompts_embed(struct prompt_list *list, const clipseg_model *model, clipseg_session *session,
                             const clipseg_image_options *options, bool quiet, clipseg_error *error)
{
    clipseg_model_info info;
    clipseg_status status = CLIPSEG_OK;

    clipseg_model_get_info(model, &info);
    if (!list->count)
        return error_set(error, CLIPSEG_ERROR_USAGE,
                         "no prompt: say what to look for with -p TEXT or --prompt-image FILE");
    list->embeddings = memory_aligned(list->count * info.embedding_size, sizeof *list->embeddings);
    list->prompts = memory_zeroed(list->count, sizeof *list->prompts);
    if (!list->embeddings || !list->prompts)
        return error_memory(error);
    for (size_t i = 0; !status && i < list->count; i++) {
        float *embedding = list->embeddings + i * info.embedding_size;
        list->prompts[i] = clipseg_embedding(embedding);
        status = embed(&list->items[i], model, session, options, quiet, embedding, error);
    }
    return status;
}

void prompts_free(struct prompt_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].value);
    free(list->items);
    free(list->embeddings);
    free(list->prompts);
    *list = (struct prompt_list){0};
}
