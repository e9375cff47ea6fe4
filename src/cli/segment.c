/* segment.c: `clipseg segment`: masks for prompts. */
#include "cli/segment.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "cli/dataset.h"
#include "cli/visual.h"
#include "model/model.h"

static clipseg_status unknown_format(const char *value, const char *name, clipseg_error *error)
{
    struct buffer all = {0};

    for (size_t i = 0; output_formats[i]; i++)
        buffer_format(&all, "%s%s", i ? ", " : "", output_formats[i]->name);
    clipseg_status status =
        all.failed ? error_memory(error)
                   : error_set(error, CLIPSEG_ERROR_USAGE, "-f %.60s: no format \"%s\"; there are %s", value,
                               name, all.data);
    buffer_free(&all);
    return status;
}

static clipseg_status add_formats(void *target, const char *value, clipseg_error *error)
{
    struct segment *s = target;

    for (const char *name = value; *name;) {
        char one[32];
        size_t length = strcspn(name, ",");
        snprintf(one, sizeof one, "%.*s", (int)length, name);
        const struct format *format = output_find(one);
        if (!format)
            return unknown_format(value, one, error);
        bool known = false;
        for (size_t i = 0; i < s->format_count; i++)
            known = known || s->formats[i] == format;
        if (!known)
            s->formats[s->format_count++] = format;
        name += length + (name[length] == ',');
    }
    return CLIPSEG_OK;
}

/* "12", "12px" or "1.5%" */
static clipseg_status set_extent(struct extent *extent, const char *name, const char *value,
                                 clipseg_error *error)
{
    char *end;
    double number = *value >= '0' && *value <= '9' ? strtod(value, &end) : -1.0;

    if (number < 0.0 || number > 1e9 || (*end && strcmp(end, "px") != 0 && strcmp(end, "%") != 0) ||
        (*end == '%' && number > 100.0))
        return error_set(error, CLIPSEG_ERROR_USAGE,
                         "--%s %.40s: want 0 to 1e9 pixels (12 or 12px) or 0 to 100 per cent (1.5%%)", name,
                         value);
    *extent = (struct extent){number, *end == '%'};
    return CLIPSEG_OK;
}

static clipseg_status set_min_area(void *target, const char *value, clipseg_error *error)
{
    return set_extent(target, "min-area", value, error);
}

static clipseg_status set_grow(void *target, const char *value, clipseg_error *error)
{
    return set_extent(target, "grow", value, error);
}

static clipseg_status set_shrink(void *target, const char *value, clipseg_error *error)
{
    return set_extent(target, "shrink", value, error);
}

static clipseg_status set_feather(void *target, const char *value, clipseg_error *error)
{
    return set_extent(target, "feather", value, error);
}

static clipseg_status set_label_rule(void *target, const char *value, clipseg_error *error)
{
    struct segment *s = target;
    bool authors = !strcmp(value, "authors");

    if (!authors && strcmp(value, "guide") != 0)
        return error_set(error, CLIPSEG_ERROR_USAGE, "--label-rule %.40s: want guide or authors", value);
    s->labels.background_weight = authors ? 3.0f : 0.0f;
    s->prompts.background = authors ? "background" : NULL;
    return CLIPSEG_OK;
}

static clipseg_status set_cutout_colour(void *target, const char *value, clipseg_error *error)
{
    struct segment *s = target;
    const char *digits = !strcmp(value, "white")   ? "ffffff"
                         : !strcmp(value, "black") ? "000000"
                                                   : value + (*value == '#');
    unsigned long colour = strtoul(digits, NULL, 16);

    if (strlen(digits) != 6 || strspn(digits, "0123456789abcdefABCDEF") != 6)
        return error_set(error, CLIPSEG_ERROR_USAGE, "--cutout-on %.40s: want #rrggbb, black or white",
                         value);
    for (size_t c = 0; c < 3; c++)
        s->cutout_colour[c] = (uint8_t)(colour >> (16 - 8 * c));
    s->cutout_on_colour = true;
    return CLIPSEG_OK;
}

#define MOST_OPTIONS 64

/* What to look for. */
static size_t add_prompt_options(struct segment *s, struct option *all)
{
    const struct option options[] = {
        {'p', "prompt", "TEXT",
         "what to look for: a phrase, an expression like \"face AND NOT (hair OR hat)\", or @FILE for a "
         "saved prompt; repeatable",
         OPTION_CALL, &s->prompts, query_add_text},
        {0, "prompts", "FILE", "prompts from a file, one per line", OPTION_CALL, &s->prompts, query_add_file},
        {0, "prompt-image", "FILE",
         "look for what this picture shows: all of it, FILE@X,Y,WIDTH,HEIGHT (a box), FILE@MASK.png, or what "
         "is not transparent; repeatable",
         OPTION_CALL, &s->prompts, query_add_picture},
        {0, "prepare", "LIST",
         "how such an object is set off: crop, blur, darken (default: all three, the paper's best), or none",
         OPTION_CALL, &s->prompts.things.prepare, visual_set_prepare},
        {0, "categories", "FILE", "prompts from a file of categories (JSON) with ids and colours",
         OPTION_CALL, &s->prompts, query_add_categories},
        {0, "negative", "TEXT", "what no prompt means; repeatable", OPTION_CALL, &s->prompts,
         query_add_negative},
        {0, "template", "TEXT",
         "put phrases into this text for {}, for example \"a photo of a {}.\"; several are averaged; paper: "
         "those of the training",
         OPTION_CALL, &s->prompts, query_add_template},
        {0, "min-presence", "X", "no mask for things whose presence (0 to 1) is less", OPTION_NUMBER,
         &s->min_presence, NULL},
    };

    memcpy(all, options, sizeof options);
    return sizeof options / sizeof *options;
}

/* What becomes of the answers. */
static size_t add_mask_options(struct segment *s, struct option *all)
{
    const struct option options[] = {
        {0, "refine", "off|fast|best",
         "how masks are brought to the picture's size: along its edges (fast, the default; best looks more "
         "closely), or off: bilinearly",
         OPTION_CALL, &s->refine, refine_set_mode},
        {0, "trust", "X", "in the model's outline against the picture's edges, 0 to 4; default 0.8",
         OPTION_CALL, &s->refine, refine_set_trust},
        {0, "contrast", "X", "of refined borders, 1 (soft) to 64 (hard); default 8", OPTION_CALL, &s->refine,
         refine_set_contrast},
        {0, "cutout-on", "COLOUR", "put cut-outs on #rrggbb, black or white; default: transparent",
         OPTION_CALL, s, set_cutout_colour},
        {0, "label-rule", "NAME",
         "who owns a pixel of a label map: guide (the most probable prompt above the threshold; default) or "
         "authors (a prompt \"background\" counts three times, no threshold)",
         OPTION_CALL, s, set_label_rule},
        {0, "unlabelled", "X",
         "leave pixels of a label map undecided whose two best are not further apart than this",
         OPTION_NUMBER, &s->band, NULL},
        {0, "min-area", "N", "drop parts of a mask with fewer pixels; N% of the picture's", OPTION_CALL,
         &s->shape.min_area, set_min_area},
        {0, "fill-holes", NULL, "fill what a mask encloses", OPTION_FLAG, &s->shape.fill_holes, NULL},
        {0, "grow", "N", "grow masks by N pixels, or N% of the picture's shorter side", OPTION_CALL,
         &s->shape.grow, set_grow},
        {0, "shrink", "N", "shrink masks; after growing, so that both close gaps", OPTION_CALL,
         &s->shape.shrink, set_shrink},
        {0, "invert", NULL, "swap inside and outside", OPTION_FLAG, &s->shape.invert, NULL},
        {0, "feather", "N", "make the edges of masks ramps of N pixels, or N% of the picture's shorter side",
         OPTION_CALL, &s->shape.feather, set_feather},
    };

    memcpy(all, options, sizeof options);
    return sizeof options / sizeof *options;
}

static clipseg_status parse(struct segment *s, int *count, char **arguments, clipseg_error *error)
{
    const struct option options[] = {
        {'m', "model", "MODEL",
         "a Hugging Face directory, a .gguf file, a hub id found in the cache, or demo (the built-in model); "
         "default $CLIPSEG_MODEL, else demo",
         OPTION_TEXT, &s->choice.model, NULL},
        {0, "clip", "DIR", "the CLIP directory that belongs to an original decoder file (-m rd64-uni.pth)",
         OPTION_TEXT, &s->choice.clip, NULL},
        {0, "pull", NULL, "download a model of the Hugging Face hub that is not in the cache yet",
         OPTION_FLAG, &s->choice.pull, NULL},
        {'o', "output", "DIR",
         "folder for the results, made when missing; default: beside each picture; - writes the "
         "single result to stdout",
         OPTION_TEXT, &s->output, NULL},
        {'f', "format", "LIST",
         "overlay, mask, cutout, heatmap, labels, figure, report, npy, npz, npz-compressed, json; for "
         "annotation "
         "tools coco, "
         "coco-polygons, coco-results, yolo, labelme, labelme-masks, labelstudio, labelstudio-polygons, "
         "cvat, "
         "cvat-polygons, segments, voc; default overlay,mask",
         OPTION_CALL, s, add_formats},
        {0, "threshold", "X", "a pixel counts when its probability is above X; default 0.5, for labels 0.1",
         OPTION_NUMBER, &s->threshold, NULL},
        {0, "tolerance", "PX", "polygons may be off by this many pixels, 0: exact; default 1", OPTION_NUMBER,
         &s->tolerance, NULL},
        {0, "files-from", "FILE", "more pictures, one path per line; - reads stdin", OPTION_TEXT, &s->list,
         NULL},
        {0, "input-size", "N",
         "side of the model's input in pixels, a multiple of the patch size; default: as the "
         "model was trained",
         OPTION_SIZE, &s->input_size, NULL},
        {0, "max-pixels", "N", "refuse larger pictures; default 178956970", OPTION_SIZE, &s->max_pixels,
         NULL},
        {0, "skip-existing", NULL, "leave out pictures whose results are all there", OPTION_FLAG,
         &s->skip_existing, NULL},
        {0, "shard", "I/N",
         "do only the Ith of N parts of the pictures, for N machines; by name, so that a picture "
         "always falls to the same part",
         OPTION_CALL, &s->shard, shard_parse},
        {0, "video", "KIND",
         "frames on stdin, one mask or overlay (-f) for each on stdout (-o -): y4m, or rgb24 with --size; "
         "with --json a line for each",
         OPTION_TEXT, &s->video.kind, NULL},
        {0, "size", "WxH", "size of rgb24 frames", OPTION_TEXT, &s->video.size, NULL},
        {0, "matrix", "NAME",
         "colour matrix of y4m: bt601, bt709 or bt2020; default bt709 from 1280 x 720 on, else bt601",
         OPTION_TEXT, &s->video.matrix, NULL},
        {0, "jobs", "N",
         "pictures worked on at the same time, which share the threads; default: one per thread, "
         "at most 16",
         OPTION_SIZE, &s->jobs, NULL},
        {'t', "threads", "N", "default: the cores this process may use", OPTION_SIZE, &s->choice.threads,
         NULL},
        {0, "cpu", "NAME",
         "use no instruction set above scalar, avx2 or avx512; default $CLIPSEG_CPU, else the best there is",
         OPTION_TEXT, &s->choice.cpu, NULL},
        {0, "json", NULL, "print one line of JSON per picture on stdout; without -f and -o write no files",
         OPTION_FLAG, &s->json, NULL},
        {'q', "quiet", NULL, "no notes, no progress bar", OPTION_FLAG, &s->choice.quiet, NULL},
        {0}};
    struct option all[MOST_OPTIONS] = {options[0]};
    size_t many = 1 + add_prompt_options(s, all + 1);
    many += add_mask_options(s, all + many);
    memcpy(all + many, options + 1, sizeof options - sizeof *options);
    const struct usage usage = {
        &command_segment, "[options] IMAGE|DIR|- ...",
        "Write what the model finds for every prompt. Results are called after the picture: "
        "STEM.NN-PROMPT.mask.png and so on, STEM.labels.png, STEM.npy, STEM.json; all but npy "
        "and figure have the picture's size.",
        all};

    return options_parse(&usage, count, arguments, error);
}

/* What would go unheeded. */
static clipseg_status check_heeded(const struct segment *s, clipseg_error *error)
{
    bool cutout = false;

    for (size_t i = 0; i < s->format_count; i++)
        cutout = cutout || s->formats[i] == &format_cutout;
    if (s->cutout_on_colour && !cutout)
        return error_set(error, CLIPSEG_ERROR_USAGE, "--cutout-on belongs to -f cutout");
    return refine_check(&s->refine, error);
}

/* Two formats that would write one file, for example json and labelme. */
static clipseg_status check_suffixes(const struct segment *s, clipseg_error *error)
{
    for (size_t i = 0; i < s->format_count; i++)
        for (size_t k = 0; k < i; k++) {
            const struct format *a = s->formats[k], *b = s->formats[i];
            if (a->suffix && b->suffix && !a->folder == !b->folder && !strcmp(a->suffix, b->suffix))
                return error_set(error, CLIPSEG_ERROR_USAGE,
                                 "-f %s,%s: both would write STEM%s; run them apart, with different -o",
                                 a->name, b->name, a->suffix);
        }
    return CLIPSEG_OK;
}

static clipseg_status check(struct segment *s, clipseg_error *error)
{
    bool files = s->format_count > 0;
    clipseg_status status;

    if (s->threshold != -1.0 && (s->threshold < 0.0 || s->threshold > 1.0))
        return error_set(error, CLIPSEG_ERROR_USAGE, "--threshold %g: want 0 to 1", s->threshold);
    if (!(s->tolerance >= 0.0 && s->tolerance <= 1000.0))
        return error_set(error, CLIPSEG_ERROR_USAGE, "--tolerance %g: want 0 to 1000 pixels", s->tolerance);
    if (s->band < 0.0 || s->band > 1.0)
        return error_set(error, CLIPSEG_ERROR_USAGE, "--unlabelled %g: want 0 to 1", s->band);
    if (s->min_presence < 0.0 || s->min_presence > 1.0)
        return error_set(error, CLIPSEG_ERROR_USAGE, "--min-presence %g: want 0 to 1", s->min_presence);
    s->labels.band = (float)s->band;
    s->prompts.min_presence = (float)s->min_presence;
    s->want_presence = s->json || s->min_presence > 0.0;
    for (size_t i = 0; i < s->format_count; i++)
        s->want_presence = s->want_presence || s->formats[i] == &format_json;
    s->to_stdout = s->output && !strcmp(s->output, "-");
    if (s->to_stdout && (s->format_count != 1 || s->json))
        return error_set(error, CLIPSEG_ERROR_USAGE, "-o -: want exactly one format (-f) and no --json");
    if (s->to_stdout && s->formats[0]->per_prompt && s->prompts.count != 1)
        return error_set(error, CLIPSEG_ERROR_USAGE,
                         "-o -: -f %s writes one file per prompt: want exactly one prompt",
                         s->formats[0]->name);
    status = check_suffixes(s, error);
    if (!status)
        status = check_heeded(s, error);
    if (status)
        return status;
    for (size_t i = 0; i < s->format_count; i++)
        if (s->formats[i]->folder && !s->output)
            return error_set(error, CLIPSEG_ERROR_USAGE,
                             "-f %s makes a folder of a fixed layout: say where with -o DIR",
                             s->formats[i]->name);
    if (!files && !(s->json && !s->output))
        status = add_formats(s, "overlay,mask", error);
    return status ? status : video_check(s, error);
}

static clipseg_status open_pools(struct segment *s, clipseg_error *error)
{
    s->pools = memory_zeroed(s->plan.workers, sizeof(struct pool *));
    for (size_t i = 0; s->pools && i < s->plan.workers; i++) {
        s->pools[i] = pool_create(s->plan.threads);
        if (!s->pools[i])
            return error_memory(error);
    }
    return s->pools ? CLIPSEG_OK : error_memory(error);
}

clipseg_status segment_prepare(struct segment *s, size_t pictures, clipseg_error *error)
{
    clipseg_session_options options;
    clipseg_status status;

    clipseg_image_options_default(&s->image_options);
    if (s->max_pixels)
        s->image_options.max_pixels = s->max_pixels;
    clipseg_session_options_default(&options);
    options.input_size = s->input_size;
    options.image_embedding = s->want_presence;
    s->plan = batch_plan(s->choice.threads, s->jobs, pictures);
    if ((status = model_choose(&s->model, &s->choice, error)) != CLIPSEG_OK ||
        (status = batch_open_sessions(&s->sessions, &s->plan, s->model, &options, error)) != CLIPSEG_OK ||
        (status = open_pools(s, error)) != CLIPSEG_OK ||
        (status = query_embed(&s->prompts, s->model, s->sessions[0], &s->image_options, s->choice.quiet,
                              error)) != CLIPSEG_OK)
        return status;
    s->kernels = &s->model->kernels;
    s->titles = memory_zeroed(s->prompts.count, sizeof *s->titles);
    s->categories = memory_zeroed(s->prompts.count, sizeof *s->categories);
    s->done = memory_zeroed(s->inputs.count, sizeof *s->done);
    if (!s->titles || !s->categories || !s->done)
        return error_memory(error);
    for (size_t i = 0; i < s->prompts.count; i++) {
        s->titles[i] = s->prompts.items[i].title;
        s->categories[i] = query_category(&s->prompts, i);
    }
    return CLIPSEG_OK;
}

void segment_release(struct segment *s)
{
    inputs_free(&s->inputs);
    query_free(&s->prompts);
    free(s->titles);
    free(s->categories);
    free(s->done);
    for (size_t i = 0; s->pools && i < s->plan.workers; i++)
        pool_free(s->pools[i]);
    free(s->pools);
    batch_close_sessions(&s->sessions, &s->plan);
    clipseg_model_close(&s->model);
}

static clipseg_status collect(struct segment *s, size_t count, char **operands, clipseg_error *error)
{
    if (s->video.kind && !s->list && (!count || (count == 1 && !strcmp(operands[0], "-"))))
        return CLIPSEG_OK;
    if (s->video.kind)
        return error_set(error, CLIPSEG_ERROR_USAGE, "--video: frames come on stdin; name no pictures");
    clipseg_status status =
        inputs_collect(&s->inputs, operands, count, s->list, s->to_stdout ? NULL : s->output, error);
    if (!status)
        status = inputs_check_names(&s->inputs, error);
    if (!status && s->to_stdout && s->inputs.count != 1 && !s->formats[0]->fragments)
        status = error_set(error, CLIPSEG_ERROR_USAGE, "-o -: want exactly one picture");
    if (!status)
        inputs_keep_shard(&s->inputs, &s->shard);
    return status;
}

/* Everything that does not depend on the pictures, in the order in which mistakes are cheapest to find. */
static clipseg_status begin(struct segment *s, int count, char **arguments, clipseg_error *error)
{
    clipseg_status status;

    if ((status = parse(s, &count, arguments, error)) != CLIPSEG_OK ||
        (status = check(s, error)) != CLIPSEG_OK)
        return status;
    status = query_finish(&s->prompts, error);
    if (!status)
        status = collect(s, (size_t)count - 1, arguments + 1, error);
    return status ? status : segment_prepare(s, s->video.kind ? SIZE_MAX : s->inputs.count, error);
}

const char *dataset_folder(const struct segment *segment)
{
    return segment->output && !segment->to_stdout ? segment->output : ".";
}

/* ---- the job of a batch */

static clipseg_status do_picture(void *context, size_t worker, const struct input *input,
                                 struct buffer *pieces, clipseg_error *error)
{
    return segment_picture(context, worker, input, &pieces[0], error);
}

clipseg_status segment_print(const struct buffer *text, clipseg_error *error)
{
    if (!text->size)
        return CLIPSEG_OK;
    fwrite(text->data, 1, text->size, stdout);
    return stdout_flush(error);
}

static clipseg_status finish_picture(void *context, const struct input *input, const struct buffer *pieces,
                                     clipseg_error *error)
{
    struct segment *s = context;

    s->done[input - s->inputs.items] = true;
    return segment_print(&pieces[0], error);
}

static bool is_there(void *context, const struct input *input)
{
    return segment_exists(context, input);
}

/* The files that speak of all pictures. */
static clipseg_status assemble(void *context, clipseg_error *error)
{
    struct segment *s = context;
    const struct dataset dataset = {.categories = s->categories,
                                    .category_count = s->prompts.count,
                                    .threshold = s->threshold >= 0.0 ? (float)s->threshold : 0.5f};
    clipseg_status status = dataset_write(s->formats, s->format_count, &s->inputs, s->done, &dataset,
                                          dataset_folder(s), s->to_stdout, error);

    if (!status)
        dataset_clear(s->formats, s->format_count, &s->inputs, dataset_folder(s));
    return status;
}

/* All that the files depend on besides the pictures. */
static uint64_t key_of(const struct segment *s)
{
    clipseg_model_info info;

    clipseg_model_get_info(s->model, &info);
    uint64_t key = hash_text(model_key(&s->choice) ^ options_key(), clipseg_version());
    key = hash_text(key, info.cpu);
    return query_key(&s->prompts, info.embedding_size, key);
}

static int work(struct segment *s)
{
    bool files = s->format_count > 0 && !s->to_stdout;
    char *folder = NULL;
    struct batch_job job = {.context = s, .pieces = 1, .work = do_picture, .finish = finish_picture};
    struct batch_options options = {.workers = s->plan.workers,
                                    .key = key_of(s),
                                    .shard = s->shard,
                                    .skip_existing = s->skip_existing,
                                    .quiet = s->choice.quiet};

    if (files)
        job.exists = is_there;
    for (size_t i = 0; i < s->format_count; i++)
        if (s->formats[i]->files)
            job.assemble = assemble;
    if (files && s->inputs.is_batch)
        options.folder = folder = inputs_folder(&s->inputs, s->output);
    int code = batch_run(&job, &s->inputs, &options);
    if (!folder) /* no run will continue with these */
        dataset_clear(s->formats, s->format_count, &s->inputs, dataset_folder(s));
    free(folder);
    return code;
}

static int run(int count, char **arguments)
{
    struct segment s = {.threshold = -1.0, .tolerance = 1.0};
    clipseg_error error;
    int code = begin(&s, count, arguments, &error) ? fail(&error) : s.video.kind ? video_run(&s) : work(&s);

    segment_release(&s);
    return code;
}

const struct subcommand command_segment = {"segment", "masks for prompts", run};
