/* search.h: one run of `clipseg search`: what was asked, and the pictures that were found. */
#ifndef CLI_SEARCH_SEARCH_H
#define CLI_SEARCH_SEARCH_H

#include "cli/command.h"
#include "cli/prompts.h"
#include "index/database.h"
#include "index/scan.h"

/* A picture that was found. */
struct hit {
    char *path; /* absolute */
    double score;
    uint32_t group; /* --duplicates: from 1 */

    /* --segment: where in it the thing is */
    bool located;
    double area;   /* share of the picture */
    size_t box[4]; /* x, y, width, height in pixels; zeros when there is nothing */
};

struct search {
    /* the command line */
    struct model_choice choice;
    const char *index, *output;
    struct prompt_list wanted, unwanted;
    size_t top, input_size;
    double image_weight, least, similarity;
    bool segment, duplicates, json;

    /* the machinery */
    struct database *database;
    struct vectors vectors;
    clipseg_model *model;
    clipseg_session *session;
    struct pool *pool;
    struct kernels kernels;
    clipseg_image_options image_options;
    clipseg_model_info info;
    float *query;     /* [dimension], of length 1 */
    float *condition; /* [dimension]: what --segment asks the decoder for */

    struct hit *hits; /* [hit_count], best first; duplicates group by group */
    size_t hit_count;
};

/* query.c: phrases and pictures to one vector. Errors: USAGE, IMAGE, IO, MEMORY. */
clipseg_status search_query(struct search *search, clipseg_error *error);

/* duplicates.c: all groups of pictures that are nearly the same, as hits. Errors: IO, MEMORY. */
clipseg_status search_duplicates(struct search *search, clipseg_error *error);

/* locate.c: where in a picture the thing is. hit: its area and box are filled in. tinted: the picture small,
 * with the find painted; NULL when not wanted; freed with clipseg_image_free. Errors: IO, IMAGE, MEMORY. */
clipseg_status search_locate(struct search *search, struct hit *hit, clipseg_image *tinted,
                             clipseg_error *error);

/* sheet.c: the hits as one picture, or as a page of HTML, by the name of `output`. Errors: USAGE, IO, MEMORY.
 */
clipseg_status search_write_sheet(struct search *search, clipseg_error *error);

/* As a user wants to see it: below the current folder without its name. */
const char *search_shown_path(const char *path);

/* What a picture is shown in. */
#define SEARCH_FRAME_WIDTH 480
#define SEARCH_FRAME_HEIGHT 360

/* A picture as large as fits into the frame. Errors: IO, IMAGE, MEMORY. */
clipseg_status search_thumbnail(const struct search *search, const char *path, clipseg_image *small,
                                clipseg_error *error);

#endif
