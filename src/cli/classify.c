/* classify.c: `clipseg classify`: which of these words fits a picture, by CLIP's embeddings. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/embedder.h"
#include "cli/inputs.h"
#include "cli/prompts.h"
#include "index/vector.h"

#define BAR 30

struct classify {
    struct model_choice choice;
    struct prompt_list labels;
    const char *list;
    size_t top, max_pixels;
    bool json;
    clipseg_model *model;
    clipseg_model_info info;
    clipseg_image_options image_options;
    struct inputs inputs;
    size_t done, failed;
    int code;                    /* of the last failure */
    float *image;                /* [embedding size] */
    double *logit, *probability; /* [labels] */
    size_t *order;               /* [labels], most probable first */
};

/* CLIP's logits_per_image, and their softmax. image: [embedding size], of length 1 */
static void compare(struct classify *c)
{
    size_t size = c->info.embedding_size;
    double largest = -INFINITY, sum = 0.0;

    for (size_t i = 0; i < c->labels.count; i++) {
        c->logit[i] =
            (double)c->info.logit_scale * vector_product(c->image, c->labels.embeddings + i * size, size);
        largest = fmax(largest, c->logit[i]);
    }
    for (size_t i = 0; i < c->labels.count; i++)
        sum += c->probability[i] = exp(c->logit[i] - largest);
    for (size_t i = 0; i < c->labels.count; i++)
        c->probability[i] /= sum;
}

/* Insertion sort: lists of labels are short, and equal ones keep their order. */
static void sort_labels(struct classify *c)
{
    for (size_t i = 0; i < c->labels.count; i++) {
        size_t place = i;
        for (; place && c->probability[c->order[place - 1]] < c->probability[i]; place--)
            c->order[place] = c->order[place - 1];
        c->order[place] = i;
    }
}

static void print_json(const struct classify *c, const char *path, size_t count)
{
    struct buffer text = {0};

    buffer_text(&text, "{\"image\": ");
    buffer_json_string(&text, path);
    buffer_text(&text, ", \"labels\": [");
    for (size_t i = 0; i < count; i++) {
        buffer_text(&text, i ? ", {\"label\": " : "{\"label\": ");
        buffer_json_string(&text, c->labels.items[c->order[i]].title);
        buffer_format(&text, ", \"probability\": %.6g, \"logit\": %.8g}", c->probability[c->order[i]],
                      c->logit[c->order[i]]);
    }
    buffer_text(&text, "]}\n");
    if (!text.failed)
        fwrite(text.data, 1, text.size, stdout);
    buffer_free(&text);
}

/* One picture: a table with bars. Several: a line each. */
static void print_text(const struct classify *c, const char *path, size_t count)
{
    if (c->inputs.count > 1) {
        printf("%s:", path);
        for (size_t i = 0; i < count; i++)
            printf("%s %s %.1f %%", i ? "," : "", c->labels.items[c->order[i]].title,
                   100.0 * c->probability[c->order[i]]);
        printf("\n");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        double p = c->probability[c->order[i]];
        printf("%6.1f %%  ", 100.0 * p);
        for (int k = 0; k < BAR; k++)
            printf("%s", (double)k + 0.5 < p * BAR ? "\u2588" : " ");
        printf("  %s\n", c->labels.items[c->order[i]].title);
    }
}

/* The next picture's embedding, or why there is none. */
static clipseg_status take(void *context, size_t index, const float *embedding, const clipseg_error *failure,
                           clipseg_error *error)
{
    struct classify *c = context;
    const char *path = c->inputs.items[index].path;
    size_t count = c->top && c->top < c->labels.count ? c->top : c->labels.count;

    progress_end();
    if (failure) {
        c->code = fail(failure);
        c->failed++;
        return CLIPSEG_OK;
    }
    c->done++;
    memcpy(c->image, embedding, c->info.embedding_size * sizeof *embedding);
    vector_normalize(c->image, c->info.embedding_size);
    compare(c);
    sort_labels(c);
    if (c->json)
        print_json(c, path, count);
    else
        print_text(c, path, count);
    return stdout_flush(error);
}

static clipseg_status parse(struct classify *c, int *count, char **arguments, clipseg_error *error)
{
    const struct option options[] = {
        {'m', "model", "MODEL", "as in segment; a plain CLIP model will do", OPTION_TEXT, &c->choice.model,
         NULL},
        {0, "pull", NULL, "as in segment", OPTION_FLAG, &c->choice.pull, NULL},
        {'p', "prompt", "TEXT", "a label; repeatable", OPTION_CALL, &c->labels, prompts_add_text},
        {0, "labels", "FILE", "labels from a file, one per line", OPTION_CALL, &c->labels, prompts_add_file},
        {0, "template", "TEXT",
         "a sentence with {} where the label goes; of several the mean counts; paper: CLIPSeg's nine; "
         "repeatable",
         OPTION_CALL, &c->labels, prompts_add_template},
        {0, "top", "K", "print only the K most probable; default: all, for several pictures 1", OPTION_SIZE,
         &c->top, NULL},
        {0, "files-from", "FILE", "more pictures, one path per line; - reads stdin", OPTION_TEXT, &c->list,
         NULL},
        {0, "max-pixels", "N", "refuse larger pictures; default 178956970", OPTION_SIZE, &c->max_pixels,
         NULL},
        {'t', "threads", "N", "as in segment", OPTION_SIZE, &c->choice.threads, NULL},
        {0, "cpu", "NAME", "as in segment", OPTION_TEXT, &c->choice.cpu, NULL},
        {0, "json", NULL, "print one line of JSON per picture", OPTION_FLAG, &c->json, NULL},
        {'q', "quiet", NULL, "no notes, no progress bar", OPTION_FLAG, &c->choice.quiet, NULL},
        {0}};
    const struct usage usage = {
        &command_classify, "[options] IMAGE|DIR|- ...",
        "Print how well each label fits a picture: the softmax over CLIP's scaled cosines of "
        "picture and text. Text embeddings are computed once for all pictures.",
        options};

    return options_parse(&usage, count, arguments, error);
}

/* Once for all pictures. */
static clipseg_status embed_labels(struct classify *c, clipseg_error *error)
{
    clipseg_session *session = NULL;
    clipseg_session_options options;

    clipseg_session_options_default(&options);
    options.threads = c->choice.threads;
    clipseg_status status = clipseg_session_create(&session, c->model, &options, error);
    if (!status)
        status = prompts_embed(&c->labels, c->model, session, &c->image_options, c->choice.quiet, error);
    clipseg_session_close(&session);
    for (size_t i = 0; !status && i < c->labels.count; i++)
        vector_normalize(c->labels.embeddings + i * c->info.embedding_size, c->info.embedding_size);
    return status;
}

static clipseg_status prepare(struct classify *c, clipseg_error *error)
{
    clipseg_status status = model_choose(&c->model, &c->choice, error);

    if (status)
        return status;
    clipseg_image_options_default(&c->image_options);
    c->image_options.max_pixels = c->max_pixels ? c->max_pixels : c->image_options.max_pixels;
    clipseg_model_get_info(c->model, &c->info);
    c->image = memory_aligned(c->info.embedding_size, sizeof *c->image);
    c->logit = memory_zeroed(c->labels.count, sizeof *c->logit);
    c->probability = memory_zeroed(c->labels.count, sizeof *c->probability);
    c->order = memory_zeroed(c->labels.count, sizeof *c->order);
    if (!c->image || !c->logit || !c->probability || !c->order)
        return error_memory(error);
    return embed_labels(c, error);
}

static clipseg_status begin(struct classify *c, int count, char **arguments, clipseg_error *error)
{
    clipseg_status status = parse(c, &count, arguments, error);

    if (!status && !c->labels.count)
        status = error_set(error, CLIPSEG_ERROR_USAGE, "no labels: name them with -p TEXT or --labels FILE");
    if (!status)
        status = inputs_collect(&c->inputs, arguments + 1, (size_t)count - 1, c->list, NULL, error);
    if (!status && !c->top && c->inputs.count > 1)
        c->top = 1;
    return status ? status : prepare(c, error);
}

static clipseg_status work(struct classify *c, clipseg_error *error)
{
    struct embedder embedder = {.model = c->model,
                                .count = c->inputs.count,
                                .threads = c->choice.threads,
                                .image_options = c->image_options,
                                .take = take,
                                .context = c};
    const char **paths = inputs_paths(&c->inputs, error);

    if (!paths)
        return CLIPSEG_ERROR_MEMORY;
    embedder.paths = paths;
    progress_enable(!c->choice.quiet && c->inputs.count > 1);
    clipseg_status status = embedder_run(&embedder, error);
    free(paths);
    if (!status && !signals_stop() && c->inputs.is_batch)
        progress_summary(c->choice.quiet, c->done, c->failed, 0);
    return status;
}

static int run(int count, char **arguments)
{
    struct classify c = {0};
    clipseg_error error;
    int code = begin(&c, count, arguments, &error) || work(&c, &error) ? fail(&error) : signals_stop();

    if (!code && c.failed)
        code = c.inputs.is_batch ? CLIPSEG_ERROR_PARTIAL : c.code;
    inputs_free(&c.inputs);
    prompts_free(&c.labels);
    free(c.image);
    free(c.logit);
    free(c.probability);
    free(c.order);
    clipseg_model_close(&c.model);
    return code;
}

const struct subcommand command_classify = {"classify", "which of these words fits the picture", run};
