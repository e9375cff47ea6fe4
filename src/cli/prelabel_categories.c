/* prelabel_categories.c: what a data set's categories are looked for by: their names, or what a file of
 * categories says of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/prelabel.h"

#define MOST_LISTED 12 /* categories in a message */

/* A name is a phrase even where it looks like an expression. */
static clipseg_status add_name(struct query *query, const struct category *category, clipseg_error *error)
{
    struct expression expression = {0};
    clipseg_status status = query_push(query, PROMPT_TEXT, category->name, &expression, error);

    if (!status)
        status = query_add_row(query, category->name, &expression, error);
    expression_free(&expression);
    return status;
}

/* And say what there is: 1 "rose", 2 "tulip". */
static clipseg_status refuse(const struct prelabel *p, const struct segments_dataset *dataset,
                             const struct query_row *row, clipseg_error *error)
{
    char meant[32] = "this name";
    struct buffer list = {0};

    if (row->has_id)
        snprintf(meant, sizeof meant, "the id %u", row->id);
    for (size_t i = 0; i < dataset->count && i < MOST_LISTED; i++)
        buffer_format(&list, "%s%u \"%.40s\"", i ? ", " : "", dataset->categories[i].id,
                      dataset->categories[i].name);
    if (dataset->count > MOST_LISTED)
        buffer_format(&list, " and %zu more", dataset->count - MOST_LISTED);
    clipseg_status status = list.failed ? error_memory(error)
                                        : error_set(error, CLIPSEG_ERROR_USAGE,
                                                    "%s: category \"%.60s\": %s has none of %s; it has %s",
                                                    p->categories, row->title, p->dataset, meant, list.data);
    buffer_free(&list);
    return status;
}

/* An id that the file says decides; else the name. But a name that means another category than the id is a
 * mistake in one of them. */
static clipseg_status find(const struct prelabel *p, const struct segments_dataset *dataset,
                           const struct query_row *row, const struct category **found, clipseg_error *error)
{
    const struct category *by_id = NULL, *by_name = NULL;

    for (size_t i = 0; i < dataset->count; i++) {
        const struct category *category = &dataset->categories[i];
        by_id = row->has_id && category->id == row->id ? category : by_id;
        by_name = !by_name && !strcmp(category->name, row->title) ? category : by_name;
    }
    if (by_id && by_name && by_id != by_name && strcmp(by_id->name, row->title) != 0)
        return error_set(error, CLIPSEG_ERROR_USAGE,
                         "%s: category \"%.60s\" has id %u, but in %s that is \"%.60s\", and \"%.60s\" is %u",
                         p->categories, row->title, row->id, p->dataset, by_id->name, by_name->name,
                         by_name->id);
    *found = row->has_id ? by_id : by_name;
    return *found ? CLIPSEG_OK : refuse(p, dataset, row, error);
}

/* From now on the row is the data set's category. */
static clipseg_status adopt(struct query_row *row, const struct category *category, clipseg_error *error)
{
    char *title = memory_string(category->name, strlen(category->name));

    if (!title)
        return error_memory(error);
    free(row->title);
    row->title = title;
    row->has_category = true;
    row->id = category->id;
    memcpy(row->colour, category->colour, sizeof row->colour);
    return CLIPSEG_OK;
}

static clipseg_status check_once(const struct prelabel *p, const struct query_row *rows, size_t row,
                                 const struct category *category, clipseg_error *error)
{
    for (size_t i = 0; i < row; i++)
        if (rows[i].id == category->id)
            return error_set(error, CLIPSEG_ERROR_USAGE,
                             "%s: category \"%.60s\": another one means %u \"%.60s\" of %s already",
                             p->categories, rows[row].title, category->id, category->name, p->dataset);
    return CLIPSEG_OK;
}

/* Without a file: every category, by its name. */
static clipseg_status choose_names(struct query *query, const struct segments_dataset *dataset,
                                   clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;

    for (size_t i = 0; !status && i < dataset->count; i++) {
        status = add_name(query, &dataset->categories[i], error);
        if (!status)
            status = adopt(&query->items[i], &dataset->categories[i], error);
    }
    return status;
}

/* The file's categories become those of the data set that they mean. */
static clipseg_status match_file(const struct prelabel *p, struct query *query,
                                 const struct segments_dataset *dataset, clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;

    for (size_t i = 0; !status && i < query->count; i++) {
        const struct category *category = NULL;
        status = find(p, dataset, &query->items[i], &category, error);
        if (!status)
            status = check_once(p, query->items, i, category, error);
        if (!status)
            status = adopt(&query->items[i], category, error);
    }
    return status;
}

clipseg_status prelabel_choose_categories(struct prelabel *p, const struct segments_dataset *dataset,
                                          clipseg_error *error)
{
    struct query *query = &p->segment.prompts;

    if (!dataset->count)
        return error_set(error, CLIPSEG_ERROR_USAGE, "%s has no categories to look for", p->dataset);
    clipseg_status status =
        p->categories ? match_file(p, query, dataset, error) : choose_names(query, dataset, error);
    if (!status && query->count >= LABEL_UNDECIDED)
        status = error_set(error, CLIPSEG_ERROR_USAGE, "%s: more than %d categories", p->dataset,
                           LABEL_UNDECIDED - 1);
    return status ? status : query_finish(query, error);
}
