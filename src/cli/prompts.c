/* prompts.c: collecting the things to look for and turning them into embeddings before the first picture. */
#include "cli/prompts.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/visual.h"
#include "segment/saved_prompt.h"

/* ---- collecting */

static char *make_title(enum prompt_kind kind, const char *value)
{
    const char *end = kind == PROMPT_PICTURE ? visual_path_end(value) : value + strlen(value);
    const char *start = value;

    for (const char *c = value; kind != PROMPT_TEXT && c < end; c++)
        start = *c == '/' ? c + 1 : start;
    return memory_string(start, (size_t)(end - start));
}

clipseg_status prompts_add(struct prompt_list *list, enum prompt_kind kind, const char *value,
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
    struct prompt_item item = {kind, memory_string(value, strlen(value)), make_title(kind, value), false};
    if (!item.value || !item.title) {
        free(item.value);
        free(item.title);
        return error_memory(error);
    }
    list->items[list->count++] = item;
    return CLIPSEG_OK;
}

clipseg_status prompts_add_text(void *target, const char *value, clipseg_error *error)
{
    return prompts_add(target, PROMPT_TEXT, value, error);
}

clipseg_status prompts_add_picture(void *target, const char *value, clipseg_error *error)
{
    return prompts_add(target, PROMPT_PICTURE, value, error);
}

clipseg_status prompts_find(struct prompt_list *list, enum prompt_kind kind, const char *value,
                            size_t *number, clipseg_error *error)
{
    for (*number = 0; *number < list->count; ++*number)
        if (list->items[*number].kind == kind && !strcmp(list->items[*number].value, value))
            return CLIPSEG_OK;
    return prompts_add(list, kind, value, error);
}

clipseg_status read_lines(const char *path, clipseg_status (*add_line)(void *, const char *, clipseg_error *),
                          void *target, clipseg_error *error)
{
    struct file_map map;
    clipseg_status status = file_map_list(&map, path, FILE_LIST_LIMIT, error);

    if (status)
        return status;
    if (memchr(map.data, 0, map.size))
        status =
            error_set(error, CLIPSEG_ERROR_USAGE, "%s: holds a NUL byte; want one prompt per line", path);
    for (size_t i = 0; !status && i < map.size;) {
        const char *line = (const char *)map.data + i, *end = memchr(line, '\n', map.size - i);
        size_t length = end ? (size_t)(end - line) : map.size - i;
        i += length + 1;
        if (length && line[length - 1] == '\r')
            length--;
        if (!length)
            continue;
        char *text = memory_string(line, length);
        status = text ? add_line(target, text, error) : error_memory(error);
        free(text);
    }
    file_map_close(&map);
    return status;
}

clipseg_status prompts_add_file(void *target, const char *value, clipseg_error *error)
{
    return read_lines(value, prompts_add_text, target, error);
}

/* ---- templates */

/* What the decoder saw in training: the paper's "shuffle+". */
static const char *const paper_templates[] = {
    "a photo of a {}.",         "a photograph of a {}.", "an image of a {}.",  "{}.",
    "a cropped photo of a {}.", "a good photo of a {}.", "a photo of one {}.", "a bad photo of a {}.",
    "a photo of the {}."};

clipseg_status prompts_add_template(void *target, const char *value, clipseg_error *error)
{
    struct prompt_list *list = target;
    bool paper = !strcmp(value, "paper");
    size_t count = paper ? sizeof paper_templates / sizeof *paper_templates : 1;

    if (!paper && !strstr(value, "{}"))
        return error_set(error, CLIPSEG_ERROR_USAGE,
                         "--template \"%.200s\": want {} where the phrase goes, or paper for the paper's set",
                         value);
    if (list->template_count + count > MOST_TEMPLATES)
        return error_set(error, CLIPSEG_ERROR_USAGE, "--template: at most %d of them", MOST_TEMPLATES);
    for (size_t i = 0; i < count; i++)
        list->templates[list->template_count++] = paper ? paper_templates[i] : value;
    return CLIPSEG_OK;
}

/* The template with every {} replaced; NULL: memory is out. */
static char *fill_template(const char *template, const char *phrase)
{
    struct buffer text = {0};
    const char *place;

    for (; (place = strstr(template, "{}")); template = place + 2) {
        buffer_append(&text, template, (size_t)(place - template));
        buffer_text(&text, phrase);
    }
    buffer_text(&text, template);
    if (!text.failed)
        return text.data;
    buffer_free(&text);
    return NULL;
}

/* ---- embedding */

static clipseg_status check_text(const char *text, const char *phrase, const clipseg_model *model, bool quiet,
                                 clipseg_error *error)
{
    clipseg_model_info info;
    size_t count = 0;
    clipseg_status status;

    clipseg_model_get_info(model, &info);
    status = clipseg_tokenize(model, phrase, strlen(phrase), NULL, 0, &count, error);
    if (!status && count <= 2)
        return error_set(error, CLIPSEG_ERROR_USAGE, "prompt \"%s\": empty; name something to look for",
                         phrase);
    if (!status)
        status = clipseg_tokenize(model, text, strlen(text), NULL, 0, &count, error);
    if (!status && count > info.context_length)
        note(quiet, "prompt \"%.60s...\": %zu tokens are cut to %zu", text, count, info.context_length);
    return status;
}

static clipseg_status embed_text(const struct prompt_list *list, const char *phrase,
                                 const clipseg_model *model, clipseg_session *session, bool quiet,
                                 float *embedding, clipseg_error *error)
{
    clipseg_prompt prompts[MOST_TEMPLATES];
    char *texts[MOST_TEMPLATES] = {NULL};
    size_t count = list->template_count ? list->template_count : 1;
    clipseg_status status = CLIPSEG_OK;

    for (size_t i = 0; !status && i < count; i++) {
        texts[i] = fill_template(list->template_count ? list->templates[i] : "{}", phrase);
        status = texts[i] ? check_text(texts[i], phrase, model, quiet, error) : error_memory(error);
        prompts[i] = clipseg_text(texts[i]);
    }
    if (!status)
        status = clipseg_session_embed_average(session, prompts, count, embedding, error);
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    return status;
}

static clipseg_status embed_saved(struct prompt_item *item, clipseg_session *session, size_t size,
                                  float *embedding, clipseg_error *error)
{
    struct saved_prompt saved;
    struct file_map map;
    clipseg_status status = file_map_open(&map, item->value, error);

    if (status)
        return status;
    status = saved_prompt_read(&saved, map.data, map.size, item->value, error);
    file_map_close(&map);
    if (status)
        return status;
    status = saved_prompt_check(&saved, session, item->value, error);
    if (!status) {
        memcpy(embedding, saved.embedding, size * sizeof *embedding);
        item->is_visual = saved.is_visual;
        free(item->title);
        item->title = saved.title;
        saved.title = NULL;
    }
    saved_prompt_free(&saved);
    return status;
}

static clipseg_status embed(struct prompt_list *list, struct prompt_item *item, const clipseg_model *model,
                            clipseg_session *session, const clipseg_image_options *options, bool quiet,
                            float *embedding, clipseg_error *error)
{
    clipseg_model_info info;

    clipseg_model_get_info(model, &info);
    item->is_visual = item->kind == PROMPT_PICTURE;
    switch (item->kind) {
    case PROMPT_PICTURE:
        return visual_embed(item->value, list->prepare, session, options, embedding, NULL, error);
    case PROMPT_SAVED:
        return embed_saved(item, session, info.embedding_size, embedding, error);
    case PROMPT_TEXT:
        break;
    }
    return embed_text(list, item->value, model, session, quiet, embedding, error);
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
        status = embed(list, &list->items[i], model, session, options, quiet, embedding, error);
    }
    return status;
}

void prompts_free(struct prompt_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].value);
        free(list->items[i].title);
    }
    free(list->items);
    free(list->embeddings);
    free(list->prompts);
    *list = (struct prompt_list){0};
}
