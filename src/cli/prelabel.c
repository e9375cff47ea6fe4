/* prelabel.c: `clipseg prelabel`: label maps into an annotation tool's format or service, so that people only
 * correct. */
#include "cli/prelabel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

clipseg_status prelabel_add_filter(void *target, const char *value, clipseg_error *error)
{
    struct prelabel *p = target;

    if (!*value)
        return error_set(error, CLIPSEG_ERROR_USAGE,
                         "--filter: want KEY:VALUE, or a part of the samples' names");
    if (!strchr(value, ':')) {
        p->name = value;
        return CLIPSEG_OK;
    }
    buffer_format(&p->metadata, "%s%s", p->metadata.size ? "," : "", value);
    return p->metadata.failed ? error_memory(error) : CLIPSEG_OK;
}

clipseg_status prelabel_check(struct prelabel *p, clipseg_error *error)
{
    const char *slash = strchr(p->dataset, '/');

    if (!slash || slash == p->dataset || !slash[1] || strchr(slash + 1, '/') || strchr(p->dataset, '?'))
        return error_set(error, CLIPSEG_ERROR_USAGE, "%.200s: want OWNER/DATASET", p->dataset);
    if (!*p->labelset || strchr(p->labelset, '/'))
        return error_set(error, CLIPSEG_ERROR_USAGE, "--labelset %.60s: want a name", p->labelset);
    if (p->timeout <= 0.0 || p->timeout > 86400.0)
        return error_set(error, CLIPSEG_ERROR_USAGE, "--timeout %g: want seconds", p->timeout);
    if (p->jobs < 1 || p->jobs > 64 || p->retries > 1000)
        return error_set(error, CLIPSEG_ERROR_USAGE, "--jobs: want 1 to 64; --retries: want 0 to 1000");
    p->network = (struct client_options){
        .stall_seconds = p->timeout, .tries = p->retries + 1, .longest_wait = CLIENT_LONGEST_WAIT};
    return CLIPSEG_OK;
}

void prelabel_check_labelset(const struct prelabel *p, const struct segments_dataset *dataset)
{
    size_t count = json_array_size(dataset->labelsets);
    struct buffer names = {0};

    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_object_get(json_array_get(dataset->labelsets, i), "name"));
        if (name && !strcmp(name, p->labelset)) {
            buffer_free(&names);
            return;
        }
        buffer_format(&names, "%s\"%.60s\"", i ? ", " : "", name ? name : "");
    }
    if (count && !names.failed)
        note(p->segment.choice.quiet, "%s has no label set \"%s\" yet; it has %.300s", p->dataset,
             p->labelset, names.data);
    buffer_free(&names);
}

bool prelabel_may_label(const struct prelabel *p, const char *status)
{
    return p->overwrite || !status || !strcmp(status, "UNLABELED") ||
           (p->replace_prelabeled && !strcmp(status, "PRELABELED"));
}

static clipseg_status check(struct prelabel *p, clipseg_error *error)
{
    double threshold = p->segment.threshold;

    if (threshold < 0.0 || threshold > 1.0)
        return error_set(error, CLIPSEG_ERROR_USAGE, "--threshold %g: want 0 to 1", threshold);
    if (p->only_unlabeled + p->replace_prelabeled + p->overwrite > 1)
        return error_set(error, CLIPSEG_ERROR_USAGE,
                         "--only-unlabeled, --replace-prelabeled and --overwrite exclude each other");
    if (p->output && !p->dry_run)
        return error_set(error, CLIPSEG_ERROR_USAGE, "-o: belongs to --dry-run");
    if (p->dry_run && !p->output)
        p->output = "dry-run";
    clipseg_status status = prelabel_check(p, error);
    if (!status && p->categories)
        status = query_add_categories(&p->segment.prompts, p->categories, error);
    return status;
}

static clipseg_status parse(struct prelabel *p, int *count, char **arguments, clipseg_error *error)
{
    struct segment *s = &p->segment;
    const struct option options[] = {
        {'m', "model", "MODEL", "as in segment", OPTION_TEXT, &s->choice.model, NULL},
        {0, "pull", NULL, "as in segment", OPTION_FLAG, &s->choice.pull, NULL},
        {0, "clip", "DIR", "as in segment", OPTION_TEXT, &s->choice.clip, NULL},
        {0, "categories", "FILE",
         "what to look for, as in segment: the data set's categories, by name or id, with prompts, negatives "
         "and example pictures; those that the file leaves out are not looked for. Default: every category's "
         "name",
         OPTION_TEXT, &p->categories, NULL},
        {0, "threshold", "X", "unlabelled where no category is more probable; default 0.1", OPTION_NUMBER,
         &s->threshold, NULL},
        {0, "labelset", "NAME", "where the labels go; default ground-truth", OPTION_TEXT, &p->labelset, NULL},
        {0, "filter", "WHAT",
         "only samples whose name holds this, or with this KEY:VALUE of metadata (repeatable)", OPTION_CALL,
         p, prelabel_add_filter},
        {0, "only-unlabeled", NULL, "leave alone whatever has a label; the default", OPTION_FLAG,
         &p->only_unlabeled, NULL},
        {0, "replace-prelabeled", NULL,
         "also replace labels of status PRELABELED, which no person has touched", OPTION_FLAG,
         &p->replace_prelabeled, NULL},
        {0, "overwrite", NULL, "replace every label, people's work too", OPTION_FLAG, &p->overwrite, NULL},
        {0, "dry-run", NULL, "send nothing: write bitmaps and requests into the folder -o", OPTION_FLAG,
         &p->dry_run, NULL},
        {'o', "output", "DIR", "with --dry-run; default dry-run", OPTION_TEXT, &p->output, NULL},
        {0, "limit", "N", "at most so many samples", OPTION_SIZE, &p->limit, NULL},
        {0, "shard", "I/N", "only the I-th of N parts, for several machines", OPTION_CALL, &s->shard,
         shard_parse},
        {'j', "jobs", "N", "samples at the same time; default 4", OPTION_SIZE, &p->jobs, NULL},
        {0, "retries", "N", "of a request that failed for a passing reason; default 8", OPTION_SIZE,
         &p->retries, NULL},
        {0, "timeout", "S", "seconds without a byte that make a request fail; default 30", OPTION_NUMBER,
         &p->timeout, NULL},
        {0, "journal", "FILE", "where to note what is done; default: in $XDG_STATE_HOME", OPTION_TEXT,
         &p->journal_path, NULL},
        {0, "api-url", "URL", "default $SEGMENTS_API_URL, else " SEGMENTS_URL, OPTION_TEXT, &p->api_url,
         NULL},
        {0, "input-size", "N", "as in segment", OPTION_SIZE, &s->input_size, NULL},
        {0, "max-pixels", "N", "as in segment", OPTION_SIZE, &s->max_pixels, NULL},
        {0, "refine", "off|fast|best",
         "how labels are brought to the pictures' sizes, as in segment: fast is the default, off is bilinear",
         OPTION_CALL, &s->refine, refine_set_mode},
        {0, "trust", "X", "as in segment", OPTION_CALL, &s->refine, refine_set_trust},
        {0, "contrast", "X", "as in segment", OPTION_CALL, &s->refine, refine_set_contrast},
        {'t', "threads", "N", "as in segment", OPTION_SIZE, &s->choice.threads, NULL},
        {0, "cpu", "NAME", "as in segment", OPTION_TEXT, &s->choice.cpu, NULL},
        {0, "json", NULL, "print the summary as one JSON object", OPTION_FLAG, &p->json, NULL},
        {'q', "quiet", NULL, "no notes, no progress bar", OPTION_FLAG, &s->choice.quiet, NULL},
        {0}};
    const struct usage usage = {
        &command_prelabel, "segments [options] OWNER/DATASET",
        "Label every sample of a data set on Segments.ai: its pictures are segmented by its categories' "
        "names, or as --categories says, and the label maps are added with the status PRELABELED. The key "
        "comes from $SEGMENTS_API_KEY. Labels that are there stay. An interrupted run continues without "
        "labelling anything twice. For pictures in a folder and for other annotation tools: clipseg prelabel "
        "DIR -p NAME ... -f FORMAT, with the options of segment.",
        options};

    return options_parse(&usage, count, arguments, error);
}

/* A folder is labelled as segment does it: only the default differs. */
static int run_folder(int count, char **arguments)
{
    char **all = malloc(((size_t)count + 3) * sizeof *all);
    char option[] = "-f", format[] = "coco", name[] = "prelabel";
    bool has_format = false;
    int used = 0;

    if (!all)
        return fail(&(clipseg_error){CLIPSEG_ERROR_MEMORY, "out of memory"});
    for (int i = 0; i < count; i++) {
        all[used++] = i ? arguments[i] : name;
        has_format =
            has_format || (i && (!strncmp(arguments[i], "-f", 2) || !strncmp(arguments[i], "--format", 8)));
    }
    if (!has_format) {
        all[used++] = option;
        all[used++] = format;
    }
    all[used] = NULL;
    int code = command_segment.run(used, all);
    free(all);
    return code;
}

static bool is_service(int count, char **arguments)
{
    for (int i = 1; i < count; i++)
        if (!strcmp(arguments[i], "segments") || !strcmp(arguments[i], "--help") ||
            !strcmp(arguments[i], "-h"))
            return true;
    return count == 1;
}

static int run(int count, char **arguments)
{
    struct prelabel p = {.labelset = "ground-truth",
                         .segment = {.threshold = 0.1, .jobs = 1, .want_labels = true},
                         .timeout = CLIENT_STALL_SECONDS,
                         .jobs = 4,
                         .retries = 8};
    clipseg_error error;

    if (!is_service(count, arguments))
        return run_folder(count, arguments);
    clipseg_status status = parse(&p, &count, arguments, &error);
    if (!status)
        status = refine_check(&p.segment.refine, &error);
    if (!status && (count != 3 || strcmp(arguments[1], "segments") != 0))
        status = error_set(&error, CLIPSEG_ERROR_USAGE,
                           "prelabel: want segments OWNER/DATASET, or a folder with -p NAME and -f FORMAT");
    if (!status) {
        p.dataset = arguments[2];
        status = check(&p, &error);
    }
    int code = status ? fail(&error) : prelabel_segments(&p);
    segment_release(&p.segment);
    buffer_free(&p.metadata);
    return code;
}

const struct subcommand command_prelabel = {"prelabel", "label maps into an annotation tool", run};
