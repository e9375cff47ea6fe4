/* categories.c: a file of categories: what a data set calls things, and what to look for to find them.
 *
 *     {"categories": [{"name": "cup", "id": 1, "colour": "#ff8800",
 *                      "prompts": ["a cup", "a mug", "@my-cup.prompt"],
 *                      "negatives": ["a saucer"],
 *                      "images": ["cup.jpg@10,20,80,90"]}]}
 *
 * Only name is needed: id is then the place in the list, from 1, and the name is the prompt. A list alone
 * will do. Paths are relative to the file. */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/query.h"
#include "output/output.h"

#define LARGEST_ID 0xffffff /* what three colours of a pixel can say */

struct reader {
    struct query *query;
    const char *path; /* of the file */
    size_t number;    /* of the category, from 1 */
    clipseg_error *error;
};

static clipseg_status refuse(const struct reader *r, const char *key, const char *what)
{
    return error_set(r->error, CLIPSEG_ERROR_USAGE, "%s: category %zu: %s: %s", r->path, r->number, key,
                     what);
}

/* value, or the folder of the file and value; NULL: memory is out. */
static char *relative_path(const struct reader *r, const char *value)
{
    const char *slash = *value == '/' ? NULL : strrchr(r->path, '/');
    struct buffer path = {0};

    if (slash)
        buffer_append(&path, r->path, (size_t)(slash - r->path) + 1);
    buffer_text(&path, value);
    if (!path.failed)
        return path.data;
    buffer_free(&path);
    return NULL;
}

/* One prompt of a list, or one picture, appended to the expression. */
static clipseg_status read_entry(const struct reader *r, bool is_picture, const char *value,
                                 struct expression *expression)
{
    bool is_path = is_picture || *value == '@';
    clipseg_status status;

    if (!is_path)
        return query_read(r->query, value, expression, r->error);
    char *path = relative_path(r, value + !is_picture);
    if (!path)
        return error_memory(r->error);
    status = query_push(r->query, is_picture ? PROMPT_PICTURE : PROMPT_SAVED, path, expression, r->error);
    free(path);
    return status;
}

/* Every entry of the list joins the expression. first: whether there is nothing yet to join with. */
static clipseg_status read_list(const struct reader *r, const json_t *category, const char *key,
                                struct expression *expression)
{
    const json_t *list = json_object_get(category, key);
    bool negative = !strcmp(key, "negatives"), is_picture = !strcmp(key, "images");
    clipseg_status status = CLIPSEG_OK;

    if (list && !json_is_array(list))
        return refuse(r, key, "want a list of texts");
    for (size_t i = 0; !status && i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        bool first = !expression->step_count;
        if (!json_is_string(entry) || !json_string_length(entry))
            return refuse(r, key, "want a list of texts");
        status = read_entry(r, is_picture, json_string_value(entry), expression);
        if (!status && negative &&
            !expression_push(expression, (struct expression_step){.operation = EXPRESSION_NOT}))
            status = refuse(r, key, "too many");
        if (!status && !first &&
            !expression_push(
                expression, (struct expression_step){.operation = negative ? EXPRESSION_AND : EXPRESSION_OR}))
            status = refuse(r, key, "too many");
    }
    return status;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* "#rrggbb" or [r, g, b] */
static clipseg_status read_colour(const struct reader *r, const json_t *colour, uint8_t out[3])
{
    const char *text = json_is_string(colour) ? json_string_value(colour) : "";

    if (json_array_size(colour) == 3) {
        for (size_t i = 0; i < 3; i++) {
            const json_t *part = json_array_get(colour, i);
            if (!json_is_integer(part) || json_integer_value(part) < 0 || json_integer_value(part) > 255)
                return refuse(r, "colour", "want three numbers from 0 to 255");
            out[i] = (uint8_t)json_integer_value(part);
        }
        return CLIPSEG_OK;
    }
    if (text[0] != '#' || strlen(text) != 7)
        return refuse(r, "colour", "want \"#rrggbb\" or three numbers");
    for (size_t i = 0; i < 3; i++) {
        int high = hex_digit(text[1 + 2 * i]), low = hex_digit(text[2 + 2 * i]);
        if (high < 0 || low < 0)
            return refuse(r, "colour", "want \"#rrggbb\" or three numbers");
        out[i] = (uint8_t)(16 * high + low);
    }
    return CLIPSEG_OK;
}

static clipseg_status check_keys(const struct reader *r, const json_t *category)
{
    static const char *const known[] = {"name",    "id",        "colour", "color",
                                        "prompts", "negatives", "images", NULL};
    const char *key;
    json_t *value,
        *all = json_incref((json_t *)(uintptr_t)category); /* jansson's loop wants it without const */
    clipseg_status status = CLIPSEG_OK;

    json_object_foreach(all, key, value)
    {
        size_t i = 0;
        while (known[i] && strcmp(known[i], key) != 0)
            i++;
        if (!known[i] && !status)
            status = refuse(r, key, "no such key; there are name, id, colour, prompts, negatives and images");
    }
    json_decref(all);
    return status;
}

/* id and colour of the row that was added last. */
static clipseg_status read_category(const struct reader *r, const json_t *category, const char *name)
{
    struct query_row *row = &r->query->items[r->query->count - 1];
    const json_t *id = json_object_get(category, "id"), *colour = json_object_get(category, "colour");

    colour = colour ? colour : json_object_get(category, "color");
    if (id && (!json_is_integer(id) || json_integer_value(id) < 1 || json_integer_value(id) > LARGEST_ID))
        return refuse(r, "id", "want a whole number from 1 to 16777215; 0 means nothing");
    row->has_category = true;
    row->has_id = id != NULL;
    row->id = id ? (uint32_t)json_integer_value(id) : (uint32_t)r->number;
    for (size_t i = 0; i + 1 < r->query->count; i++) {
        if (r->query->items[i].id == row->id)
            return refuse(r, "id", "another category has it already");
        if (!strcmp(r->query->items[i].title, name))
            return refuse(r, "name", "another category has it already");
    }
    colour_label(r->query->count, row->colour);
    return colour ? read_colour(r, colour, row->colour) : CLIPSEG_OK;
}

static clipseg_status add_category(const struct reader *r, const json_t *category)
{
    const json_t *name = json_object_get(category, "name");
    struct expression expression = {0};
    clipseg_status status;

    if (!json_is_object(category))
        return refuse(r, "the entry", "want an object with at least a name");
    if (!json_is_string(name) || !json_string_length(name))
        return refuse(r, "name", "want a text");
    status = check_keys(r, category);
    if (!status)
        status = read_list(r, category, "prompts", &expression);
    if (!status)
        status = read_list(r, category, "images", &expression);
    if (!status && !expression.step_count)
        status = query_push(r->query, PROMPT_TEXT, json_string_value(name), &expression, r->error);
    if (!status)
        status = read_list(r, category, "negatives", &expression);
    if (!status)
        status = query_add_row(r->query, json_string_value(name), &expression, r->error);
    if (!status)
        status = read_category(r, category, json_string_value(name));
    expression_free(&expression);
    return status;
}

clipseg_status query_add_categories(void *target, const char *value, clipseg_error *error)
{
    struct reader r = {target, value, 0, error};
    struct file_map map;
    json_t *root = NULL;
    clipseg_status status = file_map_list(&map, value, JSON_LARGEST_CONFIG, error);

    if (status)
        return status;
    status =
        json_parse_limited(&root, map.data, map.size, JSON_LARGEST_CONFIG, value, CLIPSEG_ERROR_USAGE, error);
    file_map_close(&map);
    const json_t *list = json_is_array(root) ? root : json_object_get(root, "categories");
    if (!status && !json_array_size(list))
        status = error_set(error, CLIPSEG_ERROR_USAGE,
                           "%s: want a list of categories, or an object with \"categories\"", value);
    for (size_t i = 0; !status && i < json_array_size(list); i++) {
        r.number = i + 1;
        status = add_category(&r, json_array_get(list, i));
    }
    json_decref(root);
    return status;
}
