/* query.h: what a command line asks of every picture: rows, each an expression over things to look for. A row
 * is a prompt of the user, or a category with all its prompts. */
#ifndef CLI_QUERY_H
#define CLI_QUERY_H

#include "cli/prompts.h"
#include "output/category.h"
#include "segment/expression.h"
#include "segment/label_map.h"

#define LEAVES_AT_ONCE 128 /* maps of things that are kept while rows are put together */

struct query {
    struct query_row {
        char *title;
        struct expression expression; /* the leaves' ids are numbers of things */
        bool has_category;            /* of a file of categories: id and colour are valid */
        bool has_id;                  /* the file says the id; else it is the place in it */
        uint32_t id;
        uint8_t colour[3];
    } * items;
    size_t count, capacity;
    struct prompt_list things; /* every phrase, picture, saved prompt once */
    struct expression *negatives;
    size_t negative_count;
    const char *background; /* the authors' rule: the phrase; NULL: the guide's */
    size_t background_thing;
    float min_presence; /* rows with less have no mask; 0: all have */
};

/* For options: target is a struct query. */
clipseg_status query_add_text(void *target, const char *value, clipseg_error *error);
clipseg_status query_add_picture(void *target, const char *value, clipseg_error *error);
clipseg_status query_add_file(void *target, const char *value, clipseg_error *error);
clipseg_status query_add_negative(void *target, const char *value, clipseg_error *error);
clipseg_status query_add_template(void *target, const char *value, clipseg_error *error);
clipseg_status query_add_categories(void *target, const char *value, clipseg_error *error); /* categories.c */

/* A row of one's own: takes the expression. Errors: MEMORY. */
clipseg_status query_add_row(struct query *query, const char *title, struct expression *expression,
                             clipseg_error *error);

/* Append to an expression what a prompt says: an expression of its own, a phrase, or @FILE. Errors: USAGE,
 * MEMORY. */
clipseg_status query_read(struct query *query, const char *text, struct expression *expression,
                          clipseg_error *error);

/* Append one thing as a leaf. Errors: MEMORY. */
clipseg_status query_push(struct query *query, enum prompt_kind kind, const char *value,
                          struct expression *expression, clipseg_error *error);

/* When all options are read: the negatives become part of every row, the background one of the things.
 * Errors: USAGE (no rows), MEMORY. */
clipseg_status query_finish(struct query *query, clipseg_error *error);

/* Embed all things, and take over the titles of saved prompts. Errors: as prompts_embed. */
clipseg_status query_embed(struct query *query, const clipseg_model *model, clipseg_session *session,
                           const clipseg_image_options *options, bool quiet, clipseg_error *error);

/* What row number `row`, from 0, stands for; a plain prompt for its place, from 1. The name stays the
 * query's.
 */
struct category query_category(const struct query *query, size_t row);

/* A hash of all that the answers depend on, once embedded. */
uint64_t query_key(const struct query *query, size_t embedding_size, uint64_t key);

void query_free(struct query *query);

/* ---- query_ask.c: from a session's current picture to the rows' logits */

struct query_answers {
    size_t side, width, height;
    float *logits;       /* [most, side, side]: those of rows first .. first + count - 1 */
    size_t first, count; /* at most `most` rows at a time */
    size_t most;
    float *background; /* [side, side], with the first rows, or NULL */
    float *presence;   /* [rows of the query], filled with the first rows; NaN: unknown; or NULL */

    /* scratch */
    clipseg_prompt *prompts; /* [things]: those that the rows need */
    size_t *slots;           /* [things]: where each one's logits lie */
    const float **leaves;    /* [most leaves of a row] */
    float *maps;             /* [map_capacity, side, side] */
    float *stack;
    size_t map_capacity;
};

/* width, height: of the picture; presence: wanted, from a session that keeps the picture's embedding. Errors:
 * MEMORY. */
clipseg_status query_answers_begin(struct query_answers *answers, const struct query *query,
                                   const clipseg_session *session, size_t width, size_t height, bool presence,
                                   clipseg_error *error);

/* Are there rows behind those that lie in `logits`? */
static inline bool query_answers_more(const struct query_answers *answers, const struct query *query)
{
    return answers->first + answers->count < query->count;
}

/* The next rows, in place of those before. Errors: USAGE, MEMORY. */
clipseg_status query_answers_next(struct query_answers *answers, const struct query *query,
                                  clipseg_session *session, clipseg_error *error);

void query_answers_free(struct query_answers *answers);

#endif
