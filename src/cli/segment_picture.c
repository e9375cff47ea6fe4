/* segment_picture.c: one picture in three steps: decode, compute, write. Answers stream by, so memory holds
 * the logits of a few prompts and one mask of the picture's size at a time. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/dataset.h"
#include "cli/segment.h"
#include "segment/enlarge.h"
#include "segment/refine/refiner.h"

void picture_begin(struct picture_job *job, struct segment *segment, size_t worker, const struct input *input,
                   struct buffer *text)
{
    *job = (struct picture_job){.segment = segment,
                                .session = segment->sessions[worker],
                                .pool = segment->pools[worker],
                                .input = input,
                                .text = text};
    job->threshold = segment->threshold >= 0.0 ? (float)segment->threshold : 0.5f;
    job->result = (struct result){.image_name = input->path,
                                  .base = segment->to_stdout ? NULL : input->base,
                                  .file_name = input->name,
                                  .number = input->number,
                                  .image = &job->image,
                                  .prompt_count = segment->prompts.count,
                                  .prompts = segment->titles,
                                  .categories = segment->categories,
                                  .tolerance = segment->tolerance,
                                  .cutout_colour = segment->cutout_on_colour ? segment->cutout_colour : NULL,
                                  .size = clipseg_session_logits_size(job->session),
                                  .threshold = job->threshold};
    job->result.soft = segment->shape.feather.value > 0.0;
    if (shape_wanted(&segment->shape))
        job->result.threshold = 0.5f; /* where a reshaped mask has its edge */
}

clipseg_status picture_decode(struct picture_job *job, struct segment *segment, size_t worker,
                              const struct input *input, struct buffer *text, clipseg_error *error)
{
    picture_begin(job, segment, worker, input, text);
    return input_load(input->path, &segment->image_options, &job->image, error);
}

/* ---- writing */

/* OUTPUT/a/b, what the input's results are called, to OUTPUT/FOLDER/a/b + suffix. */
static char *in_folder(const struct segment *s, const struct input *input, const struct format *format)
{
    const char *below = input->base + strlen(s->output);
    size_t size = strlen(input->base) + strlen(format->folder) + strlen(format->suffix) + sizeof "//";
    char *path = malloc(size);

    below += strspn(below, "/");
    if (path)
        snprintf(path, size, "%s/%s/%s%s", s->output, format->folder, below, format->suffix);
    return path;
}

/* Where a format writes for a picture; name: the prompt's, or "". NULL: memory is out. */
static char *path_of(const struct segment *s, const struct input *input, const struct format *format,
                     const char *name)
{
    return format->fragments ? dataset_fragment(dataset_folder(s), format, input->name)
           : format->folder  ? in_folder(s, input, format)
                             : sink_file_name(input->base, name, format->suffix);
}

static clipseg_status open_named(struct sink *sink, const struct picture_job *job,
                                 const struct format *format, const char *name, clipseg_error *error)
{
    char *path;
    clipseg_status status;

    if (job->segment->to_stdout && !format->fragments)
        return sink_open(sink, &job->result, format, NULL, error);
    path = path_of(job->segment, job->input, format, name);
    status = path ? sink_open(sink, &job->result, format, path, error) : error_memory(error);
    free(path);
    return status;
}

static clipseg_status write_prompt_file(const struct picture_job *job, const struct format *format,
                                        const struct answer *answer, clipseg_error *error)
{
    struct sink sink = {0};
    char slug[64];

    output_slug(slug, answer->prompt, job->result.prompts[answer->prompt]);
    clipseg_status status = open_named(&sink, job, format, slug, error);
    if (!status)
        status = sink_add(&sink, answer, error);
    if (!status)
        status = sink_commit(&sink, job->text, error);
    sink_close(&sink);
    return status;
}

/* To the formats for which `chosen` says `wanted`; chosen NULL: to all. */
static clipseg_status write_to(struct picture_job *job, const struct answer *answer,
                               bool (*chosen)(const struct format *), bool wanted, clipseg_error *error)
{
    const struct segment *s = job->segment;
    clipseg_status status = CLIPSEG_OK;

    for (size_t i = 0; !status && i < s->format_count; i++)
        if (s->formats[i]->per_prompt && (!chosen || chosen(s->formats[i]) == wanted))
            status = write_prompt_file(job, s->formats[i], answer, error);
    for (size_t i = 0; !status && i < job->sink_count; i++)
        if (!chosen || chosen(job->sinks[i].format) == wanted)
            status = sink_add(&job->sinks[i], answer, error);
    return status;
}

/* What the model says, before anything is reshaped. */
static void measure_probability(struct answer *answer, size_t pixels)
{
    double sum = 0.0;

    for (size_t i = 0; answer->probability && i < pixels; i++) {
        sum += (double)answer->probability[i];
        answer->maximum = fmaxf(answer->maximum, answer->probability[i]);
    }
    answer->mean = (float)(sum / (double)pixels);
}

static clipseg_status begin_labels(struct picture_job *job, clipseg_error *error)
{
    struct label_rule rule = job->segment->labels;

    rule.threshold = job->segment->threshold >= 0.0 ? (float)job->segment->threshold : 0.1f;
    if (job->result.prompt_count >= LABEL_UNDECIDED)
        return error_set(error, CLIPSEG_ERROR_USAGE, "a label map has room for %d prompts",
                         LABEL_UNDECIDED - 1);
    /* what is undecided is the model's to say, so a map with an unlabelled band is not refined */
    if (job->refiner->options.mode == CLIPSEG_REFINE_OFF || rule.band > 0.0f)
        return label_map_begin(&job->labels, job->image.width * job->image.height, &rule, error);
    /* all labels are refined together, when all have been seen; the background is one of them */
    const struct label_rule together = {.background_weight = 1.0f};
    clipseg_status status = label_margins_begin(&job->margins, job->result.size, &rule, error);
    return status ? status
                  : label_map_begin(&job->labels, job->image.width * job->image.height, &together, error);
}

/* Memory for masks, and what has to be known about the picture to refine them. */
static clipseg_status begin_masks(struct picture_job *job, bool need_probability, bool need_alpha,
                                  clipseg_error *error)
{
    const clipseg_refine_options options = refine_chosen(&job->segment->refine);
    size_t pixels = job->image.width * job->image.height;

    if (need_probability)
        job->probability = memory_aligned(pixels, sizeof *job->probability);
    if (need_alpha)
        job->alpha = memory_aligned(pixels, 1);
    if ((need_probability && !job->probability) || (need_alpha && !job->alpha))
        return error_memory(error);
    if (!need_probability)
        return CLIPSEG_OK;
    return refiner_create(&job->refiner, job->segment->kernels, job->pool, &job->image, job->result.size,
                          &options, error);
}

/* What the chosen formats need, and their files for the whole picture. */
static clipseg_status begin_writing(struct picture_job *job, clipseg_error *error)
{
    const struct segment *s = job->segment;
    bool need_masks = s->json, need_labels = s->want_labels, need_alpha = false;
    clipseg_status status = CLIPSEG_OK;

    job->writing = true;
    for (size_t i = 0; i < s->format_count; i++) {
        need_masks = need_masks || s->formats[i]->needs_probability || s->formats[i]->needs_alpha;
        need_labels = need_labels || s->formats[i]->needs_labels;
        need_alpha = need_alpha || s->formats[i]->needs_alpha;
    }
    job->masks_wanted = need_masks;
    status = begin_masks(job, need_masks || need_labels, need_alpha, error);
    if (!status && need_labels)
        status = begin_labels(job, error);
    for (size_t i = 0; !status && i < s->format_count; i++)
        if (!s->formats[i]->per_prompt)
            status = open_named(&job->sinks[job->sink_count++], job, s->formats[i], "", error);
    if (!status && s->json)
        status = sink_open(&job->sinks[job->sink_count++], &job->result, &format_json, NULL, error);
    return status;
}

/* One map of logits to job->probability, bilinearly. */
static clipseg_status enlarge_map(const struct picture_job *job, const float *logits, clipseg_error *error)
{
    return enlarge(job->segment->kernels, job->pool, logits, job->result.size, job->image.width,
                   job->image.height, job->probability, error);
}

/* One map of logits to job->probability and job->alpha, as --refine says. */
static clipseg_status refine_map(const struct picture_job *job, const float *logits, clipseg_error *error)
{
    const struct refined out = {.probability = job->probability, .alpha = job->alpha};

    return refiner_mask(job->refiner, logits, job->threshold, &out, error);
}

/* What one answer has to say about the label map; job->probability is used for it. */
static clipseg_status add_to_labels(struct picture_job *job, const struct answer *answer,
                                    clipseg_error *error)
{
    uint16_t label = (uint16_t)(answer->prompt + 1);
    clipseg_status status = CLIPSEG_OK;

    if (job->margins.side) {
        label_margins_add(&job->margins, label, answer->logits);
    } else if (job->labels.labels) {
        status = enlarge_map(job, answer->logits, error);
        if (!status)
            label_map_add(&job->labels, label, job->probability);
    }
    return status;
}

static clipseg_status add_background(struct picture_job *job, const float *logits, clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;

    if (job->margins.side) {
        label_margins_background(&job->margins, logits);
    } else {
        status = enlarge_map(job, logits, error);
        if (!status)
            label_map_background(&job->labels, job->probability);
    }
    return status;
}

/* When all answers have been seen. */
static clipseg_status finish_labels(struct picture_job *job, clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;

    if (job->margins.side)
        status = label_margins_refine(&job->margins, job->refiner, &job->labels, job->probability, error);
    if (!status && job->labels.labels) {
        label_map_end(&job->labels);
        job->result.labels = job->labels.labels;
    }
    return status;
}

static bool shows_probability(const struct format *format)
{
    return format == &format_heatmap || format == &format_figure || format == &format_npy;
}

/* Formats that show what the model says get it as it is, the others the reshaped mask. */
static clipseg_status write_answer(struct picture_job *job, struct answer *answer, clipseg_error *error)
{
    const struct segment *s = job->segment;
    bool shaped = shape_wanted(&s->shape);
    clipseg_status status = CLIPSEG_OK;

    measure_probability(answer, job->image.width * job->image.height);
    if (shaped)
        status = write_to(job, answer, shows_probability, true, error);
    if (!status && shaped && answer->probability)
        status = shape_apply(job->pool, &s->shape, job->threshold, job->image.width, job->image.height,
                             job->probability, job->alpha, error);
    return status ? status : write_to(job, answer, shaped ? shows_probability : NULL, false, error);
}

/* The answers that lie in job->answers. */
static clipseg_status write_answers(struct picture_job *job, clipseg_error *error)
{
    const struct query_answers *a = &job->answers;
    size_t area = job->result.size * job->result.size;
    clipseg_status status = job->writing ? CLIPSEG_OK : begin_writing(job, error);

    if (!status && job->labels.labels && a->background && !a->first) {
        status = add_background(job, a->background, error);
    }
    for (size_t i = 0; !status && i < a->count; i++) {
        struct answer answer = {.prompt = a->first + i,
                                .logits = a->logits + i * area,
                                .probability = job->masks_wanted ? job->probability : NULL,
                                .alpha = job->alpha,
                                .presence = a->presence ? a->presence[a->first + i] : NAN};
        status = add_to_labels(job, &answer, error);
        if (!status && job->masks_wanted)
            status = refine_map(job, answer.logits, error);
        if (!status)
            status = write_answer(job, &answer, error);
    }
    return status;
}

clipseg_status picture_write(struct picture_job *job, clipseg_error *error)
{
    clipseg_status status = write_answers(job, error);

    if (!status)
        status = finish_labels(job, error);
    for (size_t i = 0; !status && i < job->sink_count; i++)
        status = sink_commit(&job->sinks[i], job->text, error);
    return status;
}

/* ---- computing */

clipseg_status picture_compute(struct picture_job *job, clipseg_error *error)
{
    struct segment *s = job->segment;
    clipseg_status status = query_answers_begin(&job->answers, &s->prompts, job->session, job->image.width,
                                                job->image.height, s->want_presence, error);

    if (!status)
        status = clipseg_session_set_image(job->session, &job->image, error);
    while (!status && query_answers_more(&job->answers, &s->prompts)) {
        if (job->answers.count)
            status = write_answers(job, error); /* make room for the next ones */
        if (!status)
            status = query_answers_next(&job->answers, &s->prompts, job->session, error);
    }
    return status;
}

void picture_free(struct picture_job *job)
{
    for (size_t i = 0; i < job->sink_count; i++)
        sink_close(&job->sinks[i]);
    clipseg_refiner_close(&job->refiner);
    label_margins_free(&job->margins);
    label_map_free(&job->labels);
    free(job->probability);
    free(job->alpha);
    query_answers_free(&job->answers);
    clipseg_image_free(&job->image);
    *job = (struct picture_job){0};
}

clipseg_status segment_picture(struct segment *segment, size_t worker, const struct input *input,
                               struct buffer *text, clipseg_error *error)
{
    struct picture_job job;
    clipseg_status status = picture_decode(&job, segment, worker, input, text, error);

    if (!status)
        status = picture_compute(&job, error);
    if (!status)
        status = picture_write(&job, error);
    picture_free(&job);
    return status;
}

clipseg_status segment_image(struct segment *segment, size_t worker, const struct input *input,
                             clipseg_image *image, struct buffer *text, clipseg_error *error)
{
    struct picture_job job;

    picture_begin(&job, segment, worker, input, text);
    job.image = *image;
    clipseg_status status = picture_compute(&job, error);
    if (!status)
        status = picture_write(&job, error);
    picture_free(&job);
    return status;
}

bool segment_exists(const struct segment *s, const struct input *input)
{
    for (size_t i = 0; i < s->format_count; i++) {
        const struct format *format = s->formats[i];
        for (size_t k = 0; k < (format->per_prompt ? s->prompts.count : 1); k++) {
            char slug[64] = "";
            if (format->per_prompt)
                output_slug(slug, k, s->titles[k]);
            char *path = path_of(s, input, format, slug);
            bool exists = path && access(path, F_OK) == 0;
            free(path);
            if (!exists)
                return false;
        }
    }
    return true;
}
