/* search.h: one run of `clipseg search`: what was asked, and the pictures that were found. */
#ifndef CLI_SEARCH_SEARCH_H
#define CLI_SEARCH_SEARCH_H

#include <stdio.h>

#include "base/buffer.h"
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

#define SEARCH_THRESHOLD 0.5f

/* locate.c: where in a picture the thing is. hit: its area and box are filled in. image: freed with
 * clipseg_image_free; probability: [height, width], to be freed. Errors: IO, IMAGE, MEMORY. */
clipseg_status search_locate(struct search *search, struct hit *hit, clipseg_image *image,
                             float **probability, clipseg_error *error);

/* show.c: the hits as a contact sheet or as a page of HTML, by the name of `output`. Errors: USAGE, IO,
 * MEMORY. */
clipseg_status search_show(struct search *search, clipseg_error *error);

/* sheet.c, page.c: the two. stream: of the file that is being written. */
clipseg_status search_write_sheet(struct search *search, FILE *stream, clipseg_error *error);
clipseg_status search_write_page(struct search *search, FILE *stream, clipseg_error *error);

/* show.c: a hit's picture, and with --segment the probability of each pixel, else NULL. A picture that cannot
 * be read any more is noted and leaves both empty. Freed by the caller. Errors: MEMORY. */
clipseg_status search_load_hit(struct search *search, size_t number, clipseg_image *image,
                               float **probability, clipseg_error *error);

/* show.c: what was looked for, as one line. */
void search_heading(const struct search *search, struct buffer *out);

/* As a user wants to see it: below the current folder without its name. */
const char *search_shown_path(const char *path);

#endif
