/* prompt.c: `clipseg prompt`: prepare a prompt, look at it, keep it in a file. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/inputs.h"
#include "cli/prompts.h"
#include "cli/visual.h"
#include "output/output.h"
#include "segment/mix.h"
#include "segment/saved_prompt.h"

struct prompt {
    struct model_choice choice;
    struct prompt_list list; /* the parts */
    const char *output, *show, *title;
    size_t max_pixels;
    struct mix mix;
    clipseg_model *model;
    clipseg_session *session;
    clipseg_model_info info;
    clipseg_image_options image_options;
    size_t pictures; /* parts that are pictures */
    uint8_t *shown;  /* [S, pictures * S, 3] */
    float *embedding;
};

static clipseg_status parse(struct prompt *p, int *count, char **arguments, clipseg_error *error)
{
    const struct option options[] = {
        {'m', "model", "MODEL", "as in segment; the file serves this model only", OPTION_TEXT,
         &p->choice.model, NULL},
        {0, "pull", NULL, "as in segment", OPTION_FLAG, &p->choice.pull, NULL},
        {0, "clip", "DIR", "as in segment", OPTION_TEXT, &p->choice.clip, NULL},
        {'o', "output", "FILE", "keep the prompt: segment takes it as -p @FILE", OPTION_TEXT, &p->output,
         NULL},
        {0, "show", "FILE", "write what the model is shown of the pictures, as PNG", OPTION_TEXT, &p->show,
         NULL},
        {0, "title", "TEXT", "what the prompt is called in results; default: what it is made of", OPTION_TEXT,
         &p->title, NULL},
        {0, "prepare", "LIST",
         "how an object is set off: crop, blur, darken (default: all three, the paper's best), or none",
         OPTION_CALL, &p->list.prepare, visual_set_prepare},
        {0, "template", "TEXT", "as in segment", OPTION_CALL, &p->list, prompts_add_template},
        {0, "max-pixels", "N", "refuse larger pictures; default 178956970", OPTION_SIZE, &p->max_pixels,
         NULL},
        {'t', "threads", "N", "as in segment", OPTION_SIZE, &p->choice.threads, NULL},
        {0, "cpu", "NAME", "as in segment", OPTION_TEXT, &p->choice.cpu, NULL},
        {'q', "quiet", NULL, "no notes", OPTION_FLAG, &p->choice.quiet, NULL},
        {0}};
    const struct usage usage = {
        &command_prompt, "[options] PROMPT",
        "Make a prompt of a phrase in double quotes, of a picture (FILE, FILE@X,Y,WIDTH,HEIGHT, "
        "FILE@MASK.png), "
        "or of a mix such as 'cup.jpg*0.7 + \"a paper cup\"*0.3', look at it and keep it for later runs and "
        "other machines.",
        options};

    return options_parse(&usage, count, arguments, error);
}

static clipseg_status open_model(struct prompt *p, clipseg_error *error)
{
    clipseg_session_options options;
    clipseg_status status;

    clipseg_image_options_default(&p->image_options);
    p->image_options.max_pixels = p->max_pixels ? p->max_pixels : p->image_options.max_pixels;
    clipseg_session_options_default(&options);
    options.threads = p->choice.threads;
    if ((status = model_choose(&p->model, &p->choice, error)) != CLIPSEG_OK ||
        (status = clipseg_session_create(&p->session, p->model, &options, error)) != CLIPSEG_OK)
        return status;
    clipseg_model_get_info(p->model, &p->info);
    return CLIPSEG_OK;
}

/* ---- showing */

/* Another picture to the right of those before it. */
static clipseg_status show_part(struct prompt *p, const struct mix_part *part, float *embedding,
                                clipseg_error *error)
{
    size_t side = clipseg_session_input_size(p->session), wide = 3 * side;
    uint8_t *one = memory_aligned(side, wide), *all = memory_aligned(side * (p->pictures + 1), wide);
    clipseg_status status = one && all ? visual_embed(part->value, p->list.prepare, p->session,
                                                      &p->image_options, embedding, one, error)
                                       : error_memory(error);

    for (size_t y = 0; !status && y < side; y++) {
        uint8_t *row = all + y * wide * (p->pictures + 1);
        if (p->pictures)
            memcpy(row, p->shown + y * wide * p->pictures, wide * p->pictures);
        memcpy(row + wide * p->pictures, one + y * wide, wide);
    }
    free(one);
    if (status) {
        free(all);
        return status;
    }
    free(p->shown);
    p->shown = all;
    p->pictures++;
    return CLIPSEG_OK;
}

static clipseg_status write_shown(const struct prompt *p, clipseg_error *error)
{
    size_t side = clipseg_session_input_size(p->session);
    struct file_writer writer = {0};
    clipseg_status status;

    if (!p->pictures)
        return error_set(error, CLIPSEG_ERROR_USAGE, "--show: there is no picture in the prompt");
    status = make_folders(p->show, error);
    if (!status)
        status = file_write_open(&writer, p->show, error);
    if (!status)
        status = png_write(writer.stream, PNG_RGB8, side * p->pictures, side, p->shown, NULL, error);
    if (!status)
        status = file_write_commit(&writer, false, error);
    file_write_abandon(&writer);
    return status;
}

/* ---- mixing */

static double length_of(const float *x, size_t size)
{
    double sum = 0.0;

    for (size_t i = 0; i < size; i++)
        sum += (double)x[i] * (double)x[i];
    return sqrt(sum);
}

/* The weighted sum of the parts' embeddings, as the paper mixes text and picture. */
static clipseg_status mix_parts(struct prompt *p, clipseg_error *error)
{
    static const enum prompt_kind kinds[] = {
        [MIX_TEXT] = PROMPT_TEXT, [MIX_PICTURE] = PROMPT_PICTURE, [MIX_SAVED] = PROMPT_SAVED};
    size_t size = p->info.embedding_size;
    clipseg_status status = CLIPSEG_OK;

    for (size_t i = 0; !status && i < p->mix.count; i++)
        status = prompts_add(&p->list, kinds[p->mix.parts[i].kind], p->mix.parts[i].value, error);
    if (!status)
        status = prompts_embed(&p->list, p->model, p->session, &p->image_options, p->choice.quiet, error);
    for (size_t i = 0; !status && i < p->mix.count; i++)
        if (p->show && p->mix.parts[i].kind == MIX_PICTURE)
            status = show_part(p, &p->mix.parts[i], p->list.embeddings + i * size, error);
    p->embedding = memory_zeroed(size, sizeof *p->embedding);
    if (!status && !p->embedding)
        status = error_memory(error);
    for (size_t i = 0; !status && i < p->mix.count; i++)
        for (size_t k = 0; k < size; k++)
            p->embedding[k] += (float)p->mix.parts[i].weight * p->list.embeddings[i * size + k];
    return status;
}

static clipseg_status save(const struct prompt *p, const char *recipe, clipseg_error *error)
{
    const char *title = p->title ? p->title : p->mix.count == 1 ? p->list.items[0].title : recipe;
    struct saved_prompt saved = {.title = memory_string(title, strlen(title)),
                                 .recipe = memory_string(recipe, strlen(recipe)),
                                 .size = p->info.embedding_size};
    struct buffer text = {0};
    clipseg_status status = saved.title && saved.recipe ? CLIPSEG_OK : error_memory(error);

    saved.embedding = p->embedding;
    for (size_t i = 0; i < p->list.count; i++)
        saved.is_visual = saved.is_visual || p->list.items[i].is_visual;
    if (!status)
        status = saved_prompt_sign(&saved, p->session, error);
    if (!status) {
        saved_prompt_write(&saved, &text);
        status = text.failed ? error_memory(error) : make_folders(p->output, error);
    }
    if (!status)
        status = file_write_bytes(p->output, text.data, text.size, false, error);
    buffer_free(&text);
    saved.embedding = NULL; /* still ours */
    saved_prompt_free(&saved);
    return status;
}

static void print_parts(const struct prompt *p)
{
    static const char *const names[] = {"phrase", "picture", "saved prompt"};
    size_t size = p->info.embedding_size;

    for (size_t i = 0; i < p->mix.count; i++) {
        const float *part = p->list.embeddings + i * size;
        double dot = 0.0, lengths = length_of(part, size) * length_of(p->embedding, size);
        for (size_t k = 0; k < size; k++)
            dot += (double)part[k] * (double)p->embedding[k];
        printf("%5.1f %%  %-12s  cosine with the whole %.3f  %s\n", 100.0 * p->mix.parts[i].weight,
               names[p->mix.parts[i].kind], lengths > 0.0 ? dot / lengths : 0.0, p->mix.parts[i].value);
    }
}

static clipseg_status work(struct prompt *p, int count, char **arguments, clipseg_error *error)
{
    clipseg_status status = parse(p, &count, arguments, error);

    if (status)
        return status;
    if (count != 2)
        return error_set(
            error, CLIPSEG_ERROR_USAGE,
            "want one prompt, for example 'cup.jpg*0.7 + \"a paper cup\"*0.3' (the single quotes keep it "
            "together for the shell)");
    if (!p->output && !p->show)
        return error_set(error, CLIPSEG_ERROR_USAGE,
                         "nothing to do: keep the prompt with -o FILE, or look at it "
                         "with --show FILE");
    if (p->title && !*p->title)
        return error_set(error, CLIPSEG_ERROR_USAGE, "--title: want a text");
    if ((status = mix_parse(&p->mix, arguments[1], error)) != CLIPSEG_OK ||
        (status = open_model(p, error)) != CLIPSEG_OK || (status = mix_parts(p, error)) != CLIPSEG_OK ||
        (p->show && (status = write_shown(p, error)) != CLIPSEG_OK) ||
        (p->output && (status = save(p, arguments[1], error)) != CLIPSEG_OK))
        return status;
    if (!p->choice.quiet)
        print_parts(p);
    return stdout_flush(error);
}

static int run(int count, char **arguments)
{
    struct prompt p = {0};
    clipseg_error error;
    int code = work(&p, count, arguments, &error) ? fail(&error) : 0;

    mix_free(&p.mix);
    prompts_free(&p.list);
    free(p.shown);
    free(p.embedding);
    clipseg_session_close(&p.session);
    clipseg_model_close(&p.model);
    return code;
}

const struct subcommand command_prompt = {"prompt", "prepare a prompt, look at it, keep it", run};
