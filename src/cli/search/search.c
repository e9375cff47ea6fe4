/* search.c: `clipseg search`: the pictures of an index that fit a phrase or another picture. */
#include "cli/search/search.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/search/index_model.h"
#include "index/store.h"

#define DEFAULT_TOP 20
#define MOST_TOP 100000
#define NEARLY_THE_SAME 0.97

const char *search_shown_path(const char *path)
{
    static char here[PATH_MAX];
    size_t length;

    if (!*here && !getcwd(here, sizeof here))
        return path;
    length = strlen(here);
    return !strncmp(path, here, length) && path[length] == '/' ? path + length + 1 : path;
}

/* ---- searching */

static void drop_hits(struct search *s)
{
    for (size_t i = 0; i < s->hit_count; i++)
        free(s->hits[i].path);
    free(s->hits);
    s->hits = NULL;
    s->hit_count = 0;
}

/* The matches that the database knows, as hits. What it does not know is a change in progress, or was. */
static clipseg_status keep_known(struct search *s, const struct match *matches, size_t count,
                                 clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;

    drop_hits(s);
    s->hits = memory_zeroed(count, sizeof *s->hits);
    if (!s->hits)
        return error_memory(error);
    for (size_t i = 0; !status && i < count && s->hit_count < s->top; i++) {
        struct hit *hit = &s->hits[s->hit_count];
        status = database_find(s->database, matches[i].id, matches[i].slot, &hit->path, error);
        hit->score = matches[i].score;
        s->hit_count += !status && hit->path;
    }
    return status;
}

/* When some of the best are unknown to the database, more have to be looked at. */
static clipseg_status find_hits(struct search *s, clipseg_error *error)
{
    size_t slots = s->vectors.blocks * VECTORS_BLOCK, found = 0;
    clipseg_status status = CLIPSEG_OK;

    for (size_t most = size_min(s->top, slots);; most = size_min(2 * most, slots)) {
        struct match *matches = memory_zeroed(most, sizeof *matches);
        status = matches
                     ? scan_best(&s->vectors, &s->kernels, s->pool, s->query, most, matches, &found, error)
                     : error_memory(error);
        if (!status)
            status = keep_known(s, matches, found, error);
        free(matches);
        if (status || s->hit_count == s->top || found < most || most == slots)
            break;
    }
    while (s->hit_count && s->hits[s->hit_count - 1].score < s->least)
        free(s->hits[--s->hit_count].path);
    return status;
}

/* ---- printing */

static void print_json(const struct search *s, const struct hit *hit)
{
    struct buffer line = {0};

    buffer_text(&line, "{\"path\": ");
    buffer_json_string(&line, hit->path);
    buffer_format(&line, ", \"score\": %.6f", hit->score);
    if (s->duplicates)
        buffer_format(&line, ", \"group\": %u", hit->group);
    if (hit->located)
        buffer_format(&line, ", \"area\": %.6g, \"box\": [%zu, %zu, %zu, %zu]", hit->area, hit->box[0],
                      hit->box[1], hit->box[2], hit->box[3]);
    buffer_text(&line, "}\n");
    if (!line.failed)
        fwrite(line.data, 1, line.size, stdout);
    buffer_free(&line);
}

static void print_text(const struct search *s, const struct hit *hit, bool first)
{
    if (s->duplicates && !first && hit->group != hit[-1].group)
        printf("\n");
    printf("%6.3f  %s", hit->score, search_shown_path(hit->path));
    if (hit->located && hit->area == 0.0)
        printf("  not seen in it");
    else if (hit->located)
        printf("  %.1f %% at %zu,%zu %zux%zu", 100.0 * hit->area, hit->box[0], hit->box[1], hit->box[2],
               hit->box[3]);
    printf("\n");
}

static clipseg_status print(const struct search *s, clipseg_error *error)
{
    for (size_t i = 0; i < s->hit_count; i++)
        if (s->json)
            print_json(s, &s->hits[i]);
        else
            print_text(s, &s->hits[i], i == 0);
    if (!s->hit_count)
        note(s->choice.quiet, s->duplicates ? "no two pictures are so similar" : "nothing found");
    return stdout_flush(error);
}

static clipseg_status locate_all(struct search *s, clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;

    for (size_t i = 0; !status && i < s->hit_count && !signals_stop(); i++) {
        clipseg_image image;
        float *probability;
        status = search_load_hit(s, i, &image, &probability, error);
        free(probability);
        clipseg_image_free(&image);
    }
    progress_end();
    return status;
}

/* ---- the command */

static clipseg_status parse(struct search *s, int *count, char **arguments, clipseg_error *error)
{
    const struct option options[] = {
        {'m', "model", "MODEL", "default: the one that the index was built with", OPTION_TEXT,
         &s->choice.model, NULL},
        {0, "pull", NULL, "as in segment", OPTION_FLAG, &s->choice.pull, NULL},
        {0, "image", "FILE", "look for pictures like this one; repeatable", OPTION_CALL, &s->wanted,
         prompts_add_picture},
        {0, "image-weight", "X",
         "how much the pictures count when there are phrases, too: 0 to 1; default 0.5", OPTION_NUMBER,
         &s->image_weight, NULL},
        {0, "not", "TEXT", "less of this; repeatable", OPTION_CALL, &s->unwanted, prompts_add_text},
        {0, "not-image", "FILE", "less of what this picture shows; repeatable", OPTION_CALL, &s->unwanted,
         prompts_add_picture},
        {0, "top", "K", "how many; default 20", OPTION_SIZE, &s->top, NULL},
        {0, "least", "X", "only pictures with this score or more", OPTION_NUMBER, &s->least, NULL},
        {'o', "output", "FILE", "FILE.png: a contact sheet; FILE.html: a page", OPTION_TEXT, &s->output,
         NULL},
        {0, "segment", NULL, "show where in each picture the thing is (needs a CLIPSeg model)", OPTION_FLAG,
         &s->segment, NULL},
        {0, "duplicates", NULL, "list groups of pictures that are nearly the same", OPTION_FLAG,
         &s->duplicates, NULL},
        {0, "similarity", "X", "what counts as nearly the same: the cosine; default 0.97", OPTION_NUMBER,
         &s->similarity, NULL},
        {0, "input-size", "N", "as in segment, for --segment", OPTION_SIZE, &s->input_size, NULL},
        {'t', "threads", "N", "as in segment", OPTION_SIZE, &s->choice.threads, NULL},
        {0, "cpu", "NAME", "as in segment", OPTION_TEXT, &s->choice.cpu, NULL},
        {0, "json", NULL, "print one line of JSON per picture", OPTION_FLAG, &s->json, NULL},
        {'q', "quiet", NULL, "no notes", OPTION_FLAG, &s->choice.quiet, NULL},
        {0}};
    const struct usage usage = {
        &command_search, "[options] INDEX [TEXT ...]",
        "Find the pictures of an index (clipseg index) that fit phrases or other pictures, the "
        "best first, with their scores: the cosine of CLIP's vectors.",
        options};

    return options_parse(&usage, count, arguments, error);
}

static clipseg_status check(struct search *s, clipseg_error *error)
{
    if (s->duplicates && (s->wanted.count || s->unwanted.count || s->segment))
        return error_set(error, CLIPSEG_ERROR_USAGE,
                         "--duplicates compares all pictures; it takes no phrase and no --segment");
    if (!s->duplicates && !s->wanted.count)
        return error_set(error, CLIPSEG_ERROR_USAGE,
                         "say what to look for: a phrase behind the index, --image FILE, or --duplicates");
    const char *dot = s->output ? strrchr(s->output, '.') : NULL;
    if (s->output && (!dot || (strcmp(dot, ".png") != 0 && strcmp(dot, ".html") != 0)))
        return error_set(error, CLIPSEG_ERROR_USAGE,
                         "-o %.200s: want FILE.png (a contact sheet) or FILE.html (a page)", s->output);
    if (s->top < 1 || s->top > MOST_TOP)
        return error_set(error, CLIPSEG_ERROR_USAGE, "--top: want 1 to %d", MOST_TOP);
    if (s->image_weight < 0.0 || s->image_weight > 1.0)
        return error_set(error, CLIPSEG_ERROR_USAGE, "--image-weight %g: want 0 to 1", s->image_weight);
    if (s->similarity <= 0.0 || s->similarity > 1.0)
        return error_set(error, CLIPSEG_ERROR_USAGE, "--similarity %g: want more than 0, at most 1",
                         s->similarity);
    return CLIPSEG_OK;
}

static clipseg_status open_index(struct search *s, clipseg_error *error)
{
    char *path = store_vectors_path(s->index);
    clipseg_status status = path ? database_open(&s->database, s->index, error) : error_memory(error);
    uint64_t slots = 0;

    /* Before the vectors: whoever adds pictures meanwhile writes vectors first. */
    if (!status)
        status = database_slots(s->database, &slots, error);
    if (!status)
        status = vectors_open(&s->vectors, path, error);
    if (!status && (s->vectors.identity != database_facts(s->database)->identity ||
                    s->vectors.dimension != database_facts(s->database)->dimension))
        status = error_set(error, CLIPSEG_ERROR_IO,
                           "%s: does not belong to %s; remove both and build the index anew", path, s->index);
    if (!status && slots > s->vectors.blocks * VECTORS_BLOCK)
        status = error_set(error, CLIPSEG_ERROR_IO,
                           "%s: cut off, vectors of pictures are missing; run clipseg index again", path);
    free(path);
    return status;
}

static clipseg_status open_model(struct search *s, clipseg_error *error)
{
    const struct database_facts *facts = database_facts(s->database);
    clipseg_session_options options;
    struct index_model measured = {0};
    clipseg_status status;

    s->choice.model = s->choice.model ? s->choice.model : facts->model;
    if ((status = model_choose(&s->model, &s->choice, error)) != CLIPSEG_OK)
        return status;
    clipseg_model_get_info(s->model, &s->info);
    if (s->segment && !s->info.has_decoder)
        return error_set(error, CLIPSEG_ERROR_MODEL,
                         "--segment: %s has no decoder; name a CLIPSeg model over the same CLIP with -m",
                         s->choice.model);
    clipseg_session_options_default(&options);
    options.threads = s->choice.threads;
    options.input_size = s->input_size;
    status = index_model_measure(&measured, s->model, &s->choice, false, error);
    if (!status)
        status = index_model_check(&measured, facts, false, s->index, error);
    index_model_free(&measured);
    return status ? status : clipseg_session_create(&s->session, s->model, &options, error);
}

static clipseg_status begin(struct search *s, int count, char **arguments, clipseg_error *error)
{
    clipseg_status status = parse(s, &count, arguments, error);

    if (!status && count < 2)
        status = error_set(error, CLIPSEG_ERROR_USAGE,
                           "want an index: build one with clipseg index DIR -o photos.db");
    s->index = arguments[1];
    for (int i = 2; !status && i < count; i++)
        status = prompts_add_text(&s->wanted, arguments[i], error);
    if (status || (status = check(s, error)) != CLIPSEG_OK || (status = open_index(s, error)) != CLIPSEG_OK)
        return status;
    clipseg_image_options_default(&s->image_options);
    const char *cpu = s->choice.cpu ? s->choice.cpu : getenv("CLIPSEG_CPU");
    if (!kernels_init(&s->kernels, cpu && *cpu ? cpu : NULL))
        return error_set(error, CLIPSEG_ERROR_USAGE,
                         "cpu \"%s\": no such instruction set on this architecture", cpu);
    s->pool = pool_create(s->choice.threads);
    return s->pool ? CLIPSEG_OK : error_memory(error);
}

static clipseg_status work(struct search *s, clipseg_error *error)
{
    clipseg_status status;

    progress_enable(!s->choice.quiet);
    if (s->duplicates)
        status = search_duplicates(s, error);
    else if ((status = open_model(s, error)) == CLIPSEG_OK && (status = search_query(s, error)) == CLIPSEG_OK)
        status = find_hits(s, error);
    if (!status && s->output)
        status = search_show(s, error);
    else if (!status && s->segment)
        status = locate_all(s, error);
    return status ? status : print(s, error);
}

static int run(int count, char **arguments)
{
    struct search s = {
        .top = DEFAULT_TOP, .image_weight = 0.5, .similarity = NEARLY_THE_SAME, .least = -INFINITY};
    clipseg_error error;
    int code = begin(&s, count, arguments, &error) || work(&s, &error) ? fail(&error) : signals_stop();

    drop_hits(&s);
    prompts_free(&s.wanted);
    prompts_free(&s.unwanted);
    pool_free(s.pool);
    free(s.query);
    free(s.condition);
    vectors_close(&s.vectors);
    database_close(&s.database);
    clipseg_session_close(&s.session);
    clipseg_model_close(&s.model);
    return code;
}

const struct subcommand command_search = {"search", "find pictures in an index", run};
