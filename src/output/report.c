/* report.c: one HTML page for all pictures, to judge results with a slider for the threshold and switches for
 * the prompts. A fragment is the picture's text. */
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "output/output.h"
#include "output/report/page.h"

static void release(void *state)
{
    report_picture_free(state);
}

static clipseg_status begin(struct output *output, clipseg_error *error)
{
    output->state = memory_zeroed(1, sizeof(struct report_picture));
    output->release = release;
    if (!output->state)
        return error_memory(error);
    return report_picture_begin(output->state, output->result->image, output->result->file_name, NULL, error);
}

static clipseg_status add(struct output *output, const struct answer *answer, clipseg_error *error)
{
    return report_picture_map(output->state, answer->probability, error);
}

static clipseg_status end(struct output *output, clipseg_error *error)
{
    return report_picture_write(output->state, output->stream, error);
}

static clipseg_status assemble(const struct dataset *dataset, FILE *stream, clipseg_error *error)
{
    const struct report_page page = {.title = "What was found",
                                     .categories = dataset->categories,
                                     .category_count = dataset->category_count,
                                     .threshold = (double)dataset->threshold};
    clipseg_status status = report_page_begin(stream, &page, error);

    for (size_t i = 0; !status && i < dataset->picture_count; i++)
        status = output_copy(dataset->pictures[i].fragment, stream, error);
    return status ? status : report_page_end(stream, error);
}

static const struct dataset_file files[] = {{"report.html", assemble}, {NULL, NULL}};

const struct format format_report = {.name = "report",
                                     .help = "one HTML page to judge the results: report.html",
                                     .needs_probability = true,
                                     .fragments = true,
                                     .files = files,
                                     .begin = begin,
                                     .add = add,
                                     .end = end};
