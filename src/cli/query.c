/* query.c: from options to rows. */
#include "cli/query.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "output/output.h"

/* ---- rows */

clipseg_status query_add_row(struct query *q, const char *title, struct expression *expression,
                             clipseg_error *error)
{
    if (q->count == q->capacity) {
        size_t capacity = q->capacity ? 2 * q->capacity : 16;
        struct query_row *items = realloc(q->items, capacity * sizeof *items);
        if (!items)
            return error_memory(error);
        q->items = items;
        q->capacity = capacity;
    }
    struct query_row row = {.title = memory_string(title, strlen(title)), .expression = *expression};
    if (!row.title)
        return error_memory(error);
    q->items[q->count++] = row;
    *expression = (struct expression){0};
    return CLIPSEG_OK;
}

clipseg_status query_push(struct query *q, enum prompt_kind kind, const char *value,
                          struct expression *expression, clipseg_error *error)
{
    size_t number;
    clipseg_status status = prompts_find(&q->things, kind, value, &number, error);

    if (status)
        return status;
    if (!expression_push_leaf(expression, value, strlen(value), false))
        return error_memory(error);
    expression->leaves[expression->leaf_count - 1].id = number;
    return CLIPSEG_OK;
}

/* A prompt that is one quoted string as a whole, where the quotes are needed to make it a phrase. */
static bool is_quoted_phrase(const char *text)
{
    size_t length = strlen(text);
    char *inside = length > 2 ? memory_string(text + 1, length - 2) : NULL;
    bool needed = inside && text[0] == '"' && text[length - 1] == '"' && !strchr(inside, '"') &&
                  (*inside == '@' || expression_recognised(inside));

    free(inside);
    return needed;
}

/* Give the leaves of a parsed expression their numbers. */
static clipseg_status find_things(struct query *q, struct expression *e, clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;

    for (size_t i = 0; !status && i < e->leaf_count; i++) {
        bool saved = !e->leaves[i].quoted && e->leaves[i].text[0] == '@';
        status = prompts_find(&q->things, saved ? PROMPT_SAVED : PROMPT_TEXT, e->leaves[i].text + saved,
                              &e->leaves[i].id, error);
    }
    return status;
}

clipseg_status query_read(struct query *q, const char *text, struct expression *expression,
                          clipseg_error *error)
{
    struct expression parsed = {0};
    clipseg_status status;

    if (is_quoted_phrase(text)) {
        char *inside = memory_string(text + 1, strlen(text) - 2);
        status = inside ? query_push(q, PROMPT_TEXT, inside, expression, error) : error_memory(error);
        free(inside);
        return status;
    }
    if (!expression_recognised(text))
        return query_push(q, *text == '@' ? PROMPT_SAVED : PROMPT_TEXT, text + (*text == '@'), expression,
                          error);
    status = expression_parse(&parsed, text, error);
    if (!status)
        status = find_things(q, &parsed, error);
    if (!status && !expression_append(expression, &parsed))
        status = error_memory(error);
    expression_free(&parsed);
    return status;
}

/* ---- options */

clipseg_status query_add_text(void *target, const char *value, clipseg_error *error)
{
    struct expression expression = {0};
    clipseg_status status = query_read(target, value, &expression, error);

    if (!status)
        status = query_add_row(target, value, &expression, error);
    expression_free(&expression);
    return status;
}

clipseg_status query_add_picture(void *target, const char *value, clipseg_error *error)
{
    struct query *q = target;
    struct expression expression = {0};
    clipseg_status status = query_push(q, PROMPT_PICTURE, value, &expression, error);

    if (!status)
        status = query_add_row(q, q->things.items[expression.leaves[0].id].title, &expression, error);
    expression_free(&expression);
    return status;
}

clipseg_status query_add_file(void *target, const char *value, clipseg_error *error)
{
    return read_lines(value, query_add_text, target, error);
}

clipseg_status query_add_negative(void *target, const char *value, clipseg_error *error)
{
    struct query *q = target;
    struct expression *negatives = realloc(q->negatives, (q->negative_count + 1) * sizeof *negatives);

    if (!negatives)
        return error_memory(error);
    q->negatives = negatives;
    negatives[q->negative_count] = (struct expression){0};
    return query_read(q, value, &negatives[q->negative_count++], error);
}

clipseg_status query_add_template(void *target, const char *value, clipseg_error *error)
{
    return prompts_add_template(&((struct query *)target)->things, value, error);
}

/* ---- finishing */

static bool exclude(struct expression *row, const struct expression *negative)
{
    return expression_append(row, negative) &&
           expression_push(row, (struct expression_step){.operation = EXPRESSION_NOT}) &&
           expression_push(row, (struct expression_step){.operation = EXPRESSION_AND});
}

clipseg_status query_finish(struct query *q, clipseg_error *error)
{
    if (!q->count)
        return error_set(error, CLIPSEG_ERROR_USAGE,
                         "no prompt: say what to look for with -p TEXT or --prompt-image FILE");
    for (size_t i = 1; i < q->count; i++)
        if (q->items[i].has_category != q->items[0].has_category)
            return error_set(
                error, CLIPSEG_ERROR_USAGE,
                "--categories: want all prompts in the file, and no -p, --prompts or --prompt-image");
    for (size_t i = 0; i < q->count; i++)
        for (size_t k = 0; k < q->negative_count; k++)
            if (!exclude(&q->items[i].expression, &q->negatives[k]))
                return q->items[i].expression.step_count + 8 > EXPRESSION_MOST_STEPS
                           ? error_set(error, CLIPSEG_ERROR_USAGE,
                                       "prompt \"%.60s\": too long together with what --negative says",
                                       q->items[i].title)
                           : error_memory(error);
    return q->background ? prompts_find(&q->things, PROMPT_TEXT, q->background, &q->background_thing, error)
                         : CLIPSEG_OK;
}

clipseg_status query_embed(struct query *q, const clipseg_model *model, clipseg_session *session,
                           const clipseg_image_options *options, bool quiet, clipseg_error *error)
{
    clipseg_status status = prompts_embed(&q->things, model, session, options, quiet, error);

    for (size_t i = 0; !status && i < q->count; i++) {
        struct query_row *row = &q->items[i];
        const struct prompt_item *thing = &q->things.items[row->expression.leaves[0].id];
        if (row->title[0] != '@' || thing->kind != PROMPT_SAVED ||
            strcmp(row->title + 1, thing->value) != 0 || row->has_category)
            continue;
        free(row->title);
        row->title = memory_string(thing->title, strlen(thing->title));
        if (!row->title)
            return error_memory(error);
    }
    return status;
}

struct category query_category(const struct query *q, size_t row)
{
    const struct query_row *r = &q->items[row];
    struct category category = {r->has_category ? r->id : (uint32_t)row + 1, r->title, {0}};

    if (r->has_category)
        memcpy(category.colour, r->colour, sizeof category.colour);
    else
        colour_label(row + 1, category.colour);
    return category;
}

uint64_t query_key(const struct query *q, size_t embedding_size, uint64_t key)
{
    key = hash_bytes(key, q->things.embeddings,
                     q->things.count * embedding_size * sizeof *q->things.embeddings);
    for (size_t i = 0; i < q->count; i++) {
        struct category category = query_category(q, i);
        const struct expression *e = &q->items[i].expression;
        key = hash_text(key, q->items[i].title);
        key = hash_bytes(key, &category.id, sizeof category.id);
        key = hash_bytes(key, category.colour, sizeof category.colour);
        for (size_t k = 0; k < e->step_count; k++) {
            const struct expression_step *step = &e->steps[k];
            uint64_t thing = step->operation == EXPRESSION_LEAF ? e->leaves[step->leaf].id : 0;
            double numbers[3] = {step->operation, (double)step->value, step->percent};
            key = hash_bytes(hash_bytes(key, &thing, sizeof thing), numbers, sizeof numbers);
        }
    }
    return key;
}

void query_free(struct query *q)
{
    for (size_t i = 0; i < q->count; i++) {
        free(q->items[i].title);
        expression_free(&q->items[i].expression);
    }
    for (size_t i = 0; i < q->negative_count; i++)
        expression_free(&q->negatives[i]);
    free(q->items);
    free(q->negatives);
    prompts_free(&q->things);
    *q = (struct query){0};
}
