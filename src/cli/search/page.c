/* page.c: the hits as a page of HTML; with --segment the page shows where the thing is. */
#include <stdlib.h>

#include "base/error.h"
#include "cli/search/search.h"
#include "output/output.h"
#include "output/report/page.h"

static clipseg_status write_picture(struct search *search, const clipseg_image *image,
                                    const float *probability, const struct hit *hit, FILE *stream,
                                    clipseg_error *error)
{
    struct report_picture picture;
    char caption[64];

    if (search->duplicates)
        snprintf(caption, sizeof caption, "group %u, %.3f", hit->group, hit->score);
    else
        snprintf(caption, sizeof caption, "%.3f", hit->score);
    clipseg_status status =
        report_picture_begin(&picture, image, search_shown_path(hit->path), caption, error);
    if (!status && probability)
        status = report_picture_map(&picture, probability, error);
    if (!status)
        status = report_picture_write(&picture, stream, error);
    report_picture_free(&picture);
    return status;
}

clipseg_status search_write_page(struct search *search, FILE *stream, clipseg_error *error)
{
    struct buffer heading = {0};
    struct category thing = {.id = 1};
    clipseg_status status;

    search_heading(search, &heading);
    if (heading.failed) {
        buffer_free(&heading);
        return error_memory(error);
    }
    thing.name = heading.data;
    colour_label(1, thing.colour);
    const struct report_page page = {heading.data, &thing, search->segment, (double)SEARCH_THRESHOLD};
    status = report_page_begin(stream, &page, error);
    for (size_t i = 0; !status && i < search->hit_count && !signals_stop(); i++) {
        clipseg_image image;
        float *probability;
        status = search_load_hit(search, i, &image, &probability, error);
        if (!status && image.rgb)
            status = write_picture(search, &image, probability, &search->hits[i], stream, error);
        free(probability);
        clipseg_image_free(&image);
    }
    buffer_free(&heading);
    return status ? status : report_page_end(stream, error);
}
