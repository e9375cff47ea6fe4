/* page.h: one self-contained HTML page: pictures as a grid, with or without probability maps to play with.
 * A page is: report_page_begin, the texts of report_picture_*, report_page_end. */
#ifndef OUTPUT_REPORT_PAGE_H
#define OUTPUT_REPORT_PAGE_H

#include <stdio.h>

#include "base/buffer.h"
#include "clipseg.h"
#include "output/category.h"

struct report_page {
    const char *title;
    const struct category
        *categories;       /* [category_count] what the maps of every picture show, in this order */
    size_t category_count; /* 0: pictures only, without controls for maps */
    double threshold;      /* where the slider stands at first */
};

/* Errors: IO, MEMORY. */
clipseg_status report_page_begin(FILE *stream, const struct report_page *page, clipseg_error *error);
clipseg_status report_page_end(FILE *stream, clipseg_error *error);

/* A picture, made small. name: its file. caption: another line, or NULL. Then one map for every category of
 * the page. Errors: MEMORY. */
struct report_picture {
    struct buffer meta, data;
    size_t width, height; /* of the picture */
    size_t maps;
};

clipseg_status report_picture_begin(struct report_picture *picture, const clipseg_image *image,
                                    const char *name, const char *caption, clipseg_error *error);

/* probability: [height, width] of the picture. */
clipseg_status report_picture_map(struct report_picture *picture, const float *probability,
                                  clipseg_error *error);

/* The picture's text, for between the page's begin and end. */
clipseg_status report_picture_write(struct report_picture *picture, FILE *stream, clipseg_error *error);

/* In any case, at the end. */
void report_picture_free(struct report_picture *picture);

#endif
