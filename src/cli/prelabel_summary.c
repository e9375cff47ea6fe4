/* prelabel_summary.c: what a run of `clipseg prelabel segments` says at its end. */
#include <stdio.h>

#include "base/error.h"
#include "base/utf8.h"
#include "cli/prelabel.h"

/* Of a category, from 1, or of nothing (0). */
static double share(const struct label_counts *counts, size_t row)
{
    return counts->all_pixels ? (double)counts->pixels[row] / (double)counts->all_pixels : 0.0;
}

/* A name comes from the service. */
static void write_row(struct buffer *text, const struct category *category, double share, size_t samples)
{
    char name[256];

    snprintf(name, sizeof name, "%s", category->name);
    utf8_one_line(name);
    buffer_format(text, "%8u  %-28s %6.2f %%  in %zu\n", category->id, name, 100.0 * share, samples);
}

static void write_text(struct buffer *text, const struct prelabel *p, const struct label_counts *counts,
                       double seconds)
{
    buffer_format(text, "%s, %s: %zu %s", p->dataset, p->labelset, counts->done,
                  p->dry_run ? "written" : "labelled");
    if (counts->before)
        buffer_format(text, ", %zu before", counts->before);
    buffer_format(text, ", %zu left alone, %zu failed, %zu left; %.2f/s\n", counts->left_alone,
                  counts->failed, counts->left, seconds > 0.0 ? (double)counts->done / seconds : 0.0);
    if (!counts->done)
        return;
    for (size_t i = 0; i < p->segment.prompts.count; i++) {
        struct category category = query_category(&p->segment.prompts, i);
        write_row(text, &category, share(counts, i + 1), counts->with[i + 1]);
    }
    buffer_format(text, "%8s  %-28s %6.2f %%\n", "", "(nothing)", 100.0 * share(counts, 0));
}

static void write_json(struct buffer *text, const struct prelabel *p, const struct label_counts *counts,
                       double seconds)
{
    buffer_text(text, "{\"dataset\": ");
    buffer_json_string(text, p->dataset);
    buffer_text(text, ", \"labelset\": ");
    buffer_json_string(text, p->labelset);
    buffer_format(text,
                  ", \"done\": %zu, \"before\": %zu, \"left_alone\": %zu, \"failed\": %zu, \"left\": %zu, "
                  "\"seconds\": %.3f, \"unlabeled\": %.6f, \"categories\": [",
                  counts->done, counts->before, counts->left_alone, counts->failed, counts->left, seconds,
                  share(counts, 0));
    for (size_t i = 0; i < p->segment.prompts.count; i++) {
        struct category category = query_category(&p->segment.prompts, i);
        buffer_format(text, "%s{\"id\": %u, \"name\": ", i ? ", " : "", category.id);
        buffer_json_string(text, category.name);
        buffer_format(text, ", \"share\": %.6f, \"samples\": %zu}", share(counts, i + 1),
                      counts->with[i + 1]);
    }
    buffer_text(text, "]}\n");
}

clipseg_status prelabel_summary(const struct prelabel *p, const struct label_counts *counts, double seconds,
                                clipseg_error *error)
{
    struct buffer text = {0};

    if (p->json)
        write_json(&text, p, counts, seconds);
    else
        write_text(&text, p, counts, seconds);
    clipseg_status status = text.failed ? error_memory(error) : segment_print(&text, error);
    buffer_free(&text);
    return status;
}
