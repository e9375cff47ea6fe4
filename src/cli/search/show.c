/* show.c: what was found, to look at. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "cli/inputs.h"
#include "cli/search/search.h"
#include "output/output.h"

#define MOST_PICTURES 500 /* what a sheet can be high, and what a browser shows at ease */

void search_heading(const struct search *search, struct buffer *out)
{
    if (search->duplicates)
        buffer_text(out, "Pictures that are nearly the same");
    for (size_t i = 0; i < search->wanted.count; i++)
        buffer_format(out, "%s%s", i ? " + " : "", search->wanted.items[i].title);
    for (size_t i = 0; i < search->unwanted.count; i++)
        buffer_format(out, " \u2212 %s", search->unwanted.items[i].title);
}

clipseg_status search_load_hit(struct search *search, size_t number, clipseg_image *image,
                               float **probability, clipseg_error *error)
{
    struct hit *hit = &search->hits[number];
    clipseg_status status;

    *image = (clipseg_image){0};
    *probability = NULL;
    progress_show(number, search->hit_count, hit->path);
    status = search->segment ? search_locate(search, hit, image, probability, error)
                             : clipseg_image_load(image, hit->path, &search->image_options, error);
    if (status != CLIPSEG_ERROR_IO && status != CLIPSEG_ERROR_IMAGE)
        return status;
    progress_end();
    note(search->choice.quiet, "%s", error->text);
    return CLIPSEG_OK;
}

clipseg_status search_show(struct search *search, clipseg_error *error)
{
    const char *dot = strrchr(search->output, '.');
    bool page = dot && !strcmp(dot, ".html");
    struct file_writer file = {0};
    clipseg_status status;

    if (!search->hit_count)
        return CLIPSEG_OK;
    if (search->hit_count > MOST_PICTURES)
        return error_set(error, CLIPSEG_ERROR_USAGE,
                         "%s: %zu pictures are too many to show; ask for at most %d", search->output,
                         search->hit_count, MOST_PICTURES);
    if ((!page && (status = figure_check(error)) != CLIPSEG_OK) ||
        (status = make_folders(search->output, error)) != CLIPSEG_OK ||
        (status = file_write_open(&file, search->output, error)) != CLIPSEG_OK)
        return status;
    status =
        page ? search_write_page(search, file.stream, error) : search_write_sheet(search, file.stream, error);
    progress_end();
    if (!status && !signals_stop())
        status = file_write_commit(&file, false, error);
    file_write_abandon(&file);
    return status;
}
