/* classify.c: `clipseg classify`: which of these words fits a picture, by CLIP's embeddings. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/inputs.h"
#include "cli/prompts.h"

#define BAR 30

struct classify {
    struct model_choice choice;
    struct prompt_list labels;
    const char *list;
    size_t top, max_pixels;
    bool json;
    clipseg_model *model;
    clipseg_session *session;
    clipseg_model_info info;
    clipseg_image_options image_options;
    struct inputs inputs;
    float *image;        /* [embedding size] */
    double *probability; /* [labels] */
    size_t *order;       /* [labels], most probable first */
};

static void normalize(float *x, size_t size)
{
    double square = 0.0;

    for (size_t i = 0; i < size; i++)
        square += (double)x[i] * (double)x[i];
    float factor = square > 0.0 ? (float)(1.0 / sqrt(square)) : 0.0f;
    for (size_t i = 0; i < size; i++)
        x[i] *= factor;
}

/* softmax(logit scale * cosine), CLIP's logits_per_image */
static void compare(struct classify *c)
{
    size_t size = c->info.embedding_size;
    double largest = -INFINITY, sum = 0.0;

    normalize(c->image, size);
    for (size_t i = 0; i < c->labels.count; i++) {
        double cosine = 0.0;
        for (size_t k = 0; k < size; k++)
            cosine += (double)c->image[k] * (double)c->labels.embeddings[i * size + k];
        c->probability[i] = (double)c->info.logit_scale * cosine;
        largest = fmax(largest, c->probability[i]);
    }
    for (size_t i = 0; i < c->labels.count; i++) {
        c->probability[i] = exp(c->probability[i] - largest);
        sum += c->probability[i];
    }
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
        buffer_format(&text, ", \"probability\": %.6g}", c->probability[c->order[i]]);
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

static clipseg_status classify_picture(struct classify *c, const char *path, clipseg_error *error)
{
    clipseg_image image = {0};
    clipseg_status status = input_load(path, &c->image_options, &image, error);
    clipseg_prompt prompt = clipseg_picture(&image);
    size_t count = c->top && c->top < c->labels.count ? c->top : c->labels.count;

    if (!status)
        status = clipseg_session_embed(c->session, &prompt, c->image, error);
    clipseg_image_free(&image);
    if (status)
        return status;
    compare(c);
    sort_labels(c);
    if (c->json)
        print_json(c, path, count);
    else
        print_text(c, path, count);
    return fflush(stdout) || ferror(stdout) ? error_set(error, CLIPSEG_ERROR_IO, "stdout: cannot be written")
                                            : CLIPSEG_OK;
}

static clipseg_status parse(struct classify *c, int *count, char **arguments, clipseg_error *error)
{
    const struct option options[] = {
        {'m', "model", "MODEL", "as in segment; a plain CLIP model will do", OPTION_TEXT, &c->choice.model,
         NULL},
        {'p', "prompt", "TEXT", "a label; repeatable", OPTION_CALL, &c->labels, prompts_add_text},
        {0, "labels", "FILE", "labels from a file, one per line", OPTION_CALL, &c->labels, prompts_add_file},
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

static clipseg_status prepare(struct classify *c, clipseg_error *error)
{
    clipseg_session_options options;
    clipseg_status status;

    clipseg_image_options_default(&c->image_options);
    c->image_options.max_pixels = c->max_pixels ? c->max_pixels : c->image_options.max_pixels;
    clipseg_session_options_default(&options);
    options.threads = c->choice.threads;
    if ((status = model_choose(&c->model, &c->choice, error)) != CLIPSEG_OK ||
        (status = clipseg_session_create(&c->session, c->model, &options, error)) != CLIPSEG_OK ||
        (status = prompts_embed(&c->labels, c->model, c->session, &c->image_options, c->choice.quiet,
                                error)) != CLIPSEG_OK)
        return status;
    clipseg_model_get_info(c->model, &c->info);
    c->image = memory_aligned(c->info.embedding_size, sizeof *c->image);
    c->probability = memory_zeroed(c->labels.count, sizeof *c->probability);
    c->order = memory_zeroed(c->labels.count, sizeof *c->order);
    if (!c->image || !c->probability || !c->order)
        return error_memory(error);
    for (size_t i = 0; i < c->labels.count; i++)
        normalize(c->labels.embeddings + i * c->info.embedding_size, c->info.embedding_size);
    return CLIPSEG_OK;
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

static int work(struct classify *c)
{
    size_t failed = 0;
    int code = 0;

    for (size_t i = 0; i < c->inputs.count && !signals_stop(); i++) {
        clipseg_error error;
        if (classify_picture(c, c->inputs.items[i].path, &error) == CLIPSEG_OK)
            continue;
        code = fail(&error);
        failed++;
    }
    if (signals_stop())
        return signals_stop();
    return failed && c->inputs.is_batch ? CLIPSEG_ERROR_PARTIAL : code;
}

static int run(int count, char **arguments)
{
    struct classify c = {0};
    clipseg_error error;
    int code = begin(&c, count, arguments, &error) ? fail(&error) : work(&c);

    inputs_free(&c.inputs);
    prompts_free(&c.labels);
    free(c.image);
    free(c.probability);
    free(c.order);
    clipseg_session_close(&c.session);
    clipseg_model_close(&c.model);
    return code;
}

const struct subcommand command_classify = {"classify", "which of these words fits the picture", run};
