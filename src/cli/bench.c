/* bench.c: `clipseg bench`: stage times with this machine's measured peak beside them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/bench_integers.h"
#include "cli/command.h"
#include "segment/session.h"

#define MOST_COUNTS 16
#define MOST_REPEATS 1000

struct bench {
    struct model_choice choice;
    size_t counts[MOST_COUNTS], count_number, repeat, input_size;
    bool json, search;
    size_t vectors, dimension; /* --search */
    clipseg_model *model;
    clipseg_session *session;
    clipseg_image image;
    float *logits;
    double peak; /* operations per second, one thread */
};

struct timing {
    double total, encode, text, decode;
};

static clipseg_status set_counts(void *target, const char *value, clipseg_error *error)
{
    struct bench *b = target;
    char one[24];

    b->count_number = 0;
    for (const char *text = value; *text && b->count_number < MOST_COUNTS;) {
        size_t length = strcspn(text, ",");
        snprintf(one, sizeof one, "%.*s", (int)length, text);
        if (!parse_size(one, 1, 10000, &b->counts[b->count_number++]))
            return error_set(error, CLIPSEG_ERROR_USAGE, "--prompt-counts %.60s: want numbers like 1,4",
                             value);
        text += length + (text[length] == ',');
    }
    return CLIPSEG_OK;
}

/* The best of several short runs: what the arithmetic units can do when nothing else disturbs them. */
static double measure_peak(const struct kernels *kernels)
{
    double best = 0.0;
    float sink;

    for (size_t i = 0; i < 25; i++) {
        double start = seconds_now(), operations = kernels->peak(100000, &sink);
        double rate = operations / (seconds_now() - start);
        best = rate > best ? rate : best;
    }
    return best;
}

/* ---- the matrix products of the image tower, one thread */

struct shape {
    const char *name;
    size_t n, k;
};

static clipseg_status bench_gemm(const struct bench *b, const struct shape *shape, clipseg_error *error)
{
    const struct kernels *kernels = &b->model->kernels;
    size_t rows = b->session->vision.rows, a_stride = matrix_stride(shape->k),
           c_stride = matrix_stride(shape->n);
    float *a = memory_aligned(rows * a_stride, sizeof *a), *c = memory_aligned(rows * c_stride, sizeof *c);
    float *weight = memory_aligned((shape->n + PANEL) * shape->k, sizeof *weight);
    struct pool *one = pool_create(1);
    struct stages stages = {0};
    struct compute compute = {.kernels = kernels, .pool = one, .stages = &stages};
    struct linear linear = {.in = shape->k, .out = shape->n, .weight = weight};
    double best = 1e30;
    bool complete = a && c && weight && one;

    for (size_t i = 0; complete && i < rows * a_stride; i++)
        a[i] = (float)(i % 251) / 251.0f - 0.5f;
    for (size_t i = 0; complete && i < (shape->n + PANEL) * shape->k; i++)
        weight[i] = (float)(i % 127) / 127.0f - 0.5f;
    for (size_t i = 0; complete && i < 8; i++) {
        double start = seconds_now();
        linear_apply(&compute, &linear, rows, a, a_stride, GEMM_NONE, NULL, c, c_stride);
        double passed = seconds_now() - start;
        best = passed < best ? passed : best;
    }
    pool_free(one);
    free(a);
    free(c);
    free(weight);
    if (!complete)
        return error_memory(error);
    double rate = 2.0 * (double)rows * (double)shape->n * (double)shape->k / best;
    printf("  %-12s %4zu x %4zu x %4zu   %7.1f GFLOP/s  %5.1f %% of peak\n", shape->name, rows, shape->n,
           shape->k, rate * 1e-9, 100.0 * rate / b->peak);
    return CLIPSEG_OK;
}

static clipseg_status bench_gemms(const struct bench *b, clipseg_error *error)
{
    const struct tower_config *vision = &b->model->config.vision;
    const struct shape shapes[] = {{"qkv", 3 * vision->hidden, vision->hidden},
                                   {"projection", vision->hidden, vision->hidden},
                                   {"fc1", vision->intermediate, vision->hidden},
                                   {"fc2", vision->hidden, vision->intermediate}};
    clipseg_status status = CLIPSEG_OK;

    printf("matrix products, one thread\n");
    for (size_t i = 0; !status && i < sizeof shapes / sizeof *shapes; i++)
        status = bench_gemm(b, &shapes[i], error);
    printf("products of integers, one thread\n");
    for (size_t i = 0; !status && i < sizeof shapes / sizeof *shapes; i++)
        status =
            bench_integers(shapes[i].name, b->session->vision.rows, shapes[i].n, shapes[i].k, b->peak, error);
    return status;
}

/* ---- whole forward passes */

/* What the image tower multiplies. */
static const char *precision(const struct bench *b)
{
    size_t last = b->model->config.vision.layers - 1;
    const struct integer_weights *integers = &b->model->weights.vision.blocks[last].fc1.integers;

    return integers->bytes ? "int8" : integers->words ? "int16" : "f32";
}

static clipseg_status run_once(struct bench *b, size_t prompts, size_t round, struct timing *timing,
                               clipseg_error *error)
{
    struct stages *stages = &b->session->stages;
    double start = seconds_now(), middle, text = stages->seconds[STAGE_TEXT];
    clipseg_status status = clipseg_session_set_image(b->session, &b->image, error);

    middle = seconds_now();
    for (size_t i = 0; !status && i < prompts; i += DECODER_BATCH) {
        char words[DECODER_BATCH][64]; /* new ones every time, so that no embedding is known */
        clipseg_prompt batch[DECODER_BATCH];
        size_t count = prompts - i < DECODER_BATCH ? prompts - i : DECODER_BATCH;
        for (size_t k = 0; k < count; k++) {
            snprintf(words[k], sizeof words[k], "a photo of thing %zu %zu", round % 1000, i + k);
            batch[k] = clipseg_text(words[k]);
        }
        status = clipseg_session_logits(b->session, batch, count, b->logits, error);
    }
    double end = seconds_now();
    text = stages->seconds[STAGE_TEXT] - text;
    *timing = (struct timing){end - start, middle - start, text, end - middle - text};
    return status;
}

static int by_total(const void *a, const void *b)
{
    double x = ((const struct timing *)a)->total, y = ((const struct timing *)b)->total;

    return x < y ? -1 : x > y;
}

static void print_stages(const struct bench *b, const struct stages *stages, size_t threads)
{
    double total = 0.0;

    for (size_t i = 0; i < STAGE_COUNT; i++)
        total += i == STAGE_OTHER ? 0.0 : stages->seconds[i];
    printf("stages, share of the time and of the peak of %zu threads\n", threads);
    for (size_t i = 0; i < STAGE_COUNT; i++) {
        double seconds = stages->seconds[i], rate = seconds > 0.0 ? stages->flops[i] / seconds : 0.0;
        if (i == STAGE_OTHER || seconds <= 0.0)
            continue;
        printf("  %-12s %5.1f %%", stage_name((enum stage)i), 100.0 * seconds / total);
        if (rate > 0.0)
            printf("  %7.1f GFLOP/s  %5.1f %% of peak", rate * 1e-9,
                   100.0 * rate / (b->peak * (double)threads));
        printf("\n");
    }
}

static clipseg_status bench_pass(struct bench *b, size_t prompts, bool first, clipseg_error *error)
{
    struct timing *timings = memory_zeroed(b->repeat, sizeof *timings), warm;
    size_t threads = pool_threads(b->session->pool);
    static size_t round;
    clipseg_status status = timings ? run_once(b, prompts, round++, &warm, error) : error_memory(error);

    memset(&b->session->stages, 0, sizeof b->session->stages);
    for (size_t i = 0; !status && i < b->repeat; i++)
        status = run_once(b, prompts, round++, &timings[i], error);
    if (!status) {
        qsort(timings, b->repeat, sizeof *timings, by_total);
        struct timing t = timings[b->repeat / 2];
        if (b->json)
            printf("%s{\"prompts\": %zu, \"precision\": \"%s\", \"threads\": %zu, \"seconds\": %.6f, "
                   "\"encode_seconds\": %.6f, \"text_seconds\": %.6f, \"decode_seconds\": %.6f}",
                   first ? "" : ", ", prompts, precision(b), threads, t.total, t.encode, t.text, t.decode);
        else
            printf("%zu prompt%s, %s, %zu threads: %.1f ms  (picture %.1f, texts %.1f, decoder %.1f), "
                   "median of %zu\n",
                   prompts, prompts == 1 ? "" : "s", precision(b), threads, 1e3 * t.total, 1e3 * t.encode,
                   1e3 * t.text, 1e3 * t.decode, b->repeat);
        if (!b->json)
            print_stages(b, &b->session->stages, threads);
    }
    free(timings);
    return status;
}

/* ---- pictures through the tower, as many at once as it takes */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static clipseg_status time_embedding(struct bench *b, float *embeddings, double *seconds,
                                     clipseg_error *error)
{
    const clipseg_image *images[VISION_MOST_PICTURES];
    size_t batch = clipseg_session_batch(b->session);
    clipseg_status status = CLIPSEG_OK;

    for (size_t i = 0; i < batch; i++)
        images[i] = &b->image;
    for (size_t i = 0; !status && i <= b->repeat; i++) {
        if (i == 1) /* the first one warms up */
            memset(&b->session->stages, 0, sizeof b->session->stages);
        double start = seconds_now();
        status = clipseg_session_embed_images(b->session, images, batch, embeddings, error);
        seconds[i ? i - 1 : 0] = seconds_now() - start;
    }
    qsort(seconds, b->repeat, sizeof *seconds, by_value);
    return status;
}

static clipseg_status bench_embedding(struct bench *b, clipseg_error *error)
{
    size_t batch = clipseg_session_batch(b->session), threads = pool_threads(b->session->pool);
    double *seconds = memory_zeroed(b->repeat, sizeof *seconds);
    float *embeddings = memory_aligned(batch * b->model->config.projection, sizeof *embeddings);
    clipseg_status status =
        seconds && embeddings ? time_embedding(b, embeddings, seconds, error) : error_memory(error);

    if (!status && b->json) {
        printf("{\"batch\": %zu, \"precision\": \"%s\", \"threads\": %zu, \"seconds\": %.6f, "
               "\"pictures_per_second\": %.3f}",
               batch, precision(b), threads, seconds[b->repeat / 2], (double)batch / seconds[b->repeat / 2]);
    } else if (!status) {
        printf("%zu picture%s at once to vectors, %s, %zu threads: %.1f ms, %.1f pictures/s, median of %zu\n",
               batch, batch == 1 ? "" : "s", precision(b), threads, 1e3 * seconds[b->repeat / 2],
               (double)batch / seconds[b->repeat / 2], b->repeat);
        print_stages(b, &b->session->stages, threads);
    }
    free(seconds);
    free(embeddings);
    return status;
}

/* ---- */

static clipseg_status prepare(struct bench *b, clipseg_error *error)
{
    clipseg_session_options options;
    clipseg_status status;

    clipseg_session_options_default(&options);
    options.threads = b->choice.threads;
    options.input_size = b->input_size;
    if ((status = model_choose(&b->model, &b->choice, error)) != CLIPSEG_OK ||
        (status = clipseg_session_create(&b->session, b->model, &options, error)) != CLIPSEG_OK)
        return status;
    size_t side = b->session->decoder.side;
    b->image = (clipseg_image){.width = 640, .height = 480, .rgb = memory_zeroed(640 * 480, 3)};
    b->logits = memory_aligned(DECODER_BATCH * side * side, sizeof *b->logits);
    if (!b->image.rgb || !b->logits)
        return error_memory(error);
    for (size_t i = 0; i < (size_t)640 * 480 * 3; i++)
        b->image.rgb[i] = (uint8_t)(i * 2654435761u >> 24);
    return CLIPSEG_OK;
}

static clipseg_status measure(struct bench *b, clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;

    b->peak = measure_peak(&b->model->kernels);
    if (b->json) {
        printf("{\"peak_gflops\": %.1f, \"runs\": [", b->peak * 1e-9);
    } else {
        printf("%s, measured peak of one thread: %.1f GFLOP/s\n", b->model->kernels.name, b->peak * 1e-9);
        status = bench_gemms(b, error);
    }
    if (!b->model->config.has_decoder)
        status = status ? status : bench_embedding(b, error);
    else
        for (size_t i = 0; !status && i < b->count_number; i++)
            status = bench_pass(b, b->counts[i], i == 0, error);
    if (b->json && !status)
        printf("]}\n");
    return status;
}

static int run_search(const struct bench *b)
{
    const char *cpu = b->choice.cpu ? b->choice.cpu : getenv("CLIPSEG_CPU");
    const struct bench_search asked = {b->vectors, b->dimension, b->choice.threads, cpu && *cpu ? cpu : NULL,
                                       b->json};
    clipseg_error error;
    clipseg_status status = CLIPSEG_OK;

    if (!b->vectors || b->vectors > UINT32_MAX || !b->dimension || b->dimension > 16384)
        status = error_set(&error, CLIPSEG_ERROR_USAGE,
                           "--vectors, --dimensions: want at least 1, and at most 16384 dimensions");
    if (!status)
        status = bench_search(&asked, &error);
    return status ? fail(&error) : 0;
}

static int run(int count, char **arguments)
{
    struct bench b = {.counts = {1, 4}, .count_number = 2, .repeat = 5, .vectors = 1000000, .dimension = 512};
    clipseg_error error;
    const struct option options[] = {
        {'m', "model", "MODEL", "as in segment", OPTION_TEXT, &b.choice.model, NULL},
        {0, "clip", "DIR", "as in segment", OPTION_TEXT, &b.choice.clip, NULL},
        {0, "pull", NULL, "as in segment", OPTION_FLAG, &b.choice.pull, NULL},
        {0, "prompt-counts", "LIST", "numbers of prompts on one picture; default 1,4", OPTION_CALL, &b,
         set_counts},
        {0, "repeat", "N", "runs of which the median is printed; default 5, of a search always 11",
         OPTION_SIZE, &b.repeat, NULL},
        {0, "input-size", "N", "as in segment", OPTION_SIZE, &b.input_size, NULL},
        {0, "search", NULL, "time a search among random vectors in memory instead", OPTION_FLAG, &b.search,
         NULL},
        {0, "vectors", "N", "with --search: how many; default 1000000, which take 2.6 GB", OPTION_SIZE,
         &b.vectors, NULL},
        {0, "dimensions", "N", "with --search: numbers in each; default 512", OPTION_SIZE, &b.dimension,
         NULL},
        {'t', "threads", "N", "as in segment", OPTION_SIZE, &b.choice.threads, NULL},
        {0, "cpu", "NAME", "as in segment", OPTION_TEXT, &b.choice.cpu, NULL},
        {0, "json", NULL, "print one JSON object", OPTION_FLAG, &b.json, NULL},
        {'q', "quiet", NULL, "no notes", OPTION_FLAG, &b.choice.quiet, NULL},
        {0}};
    const struct usage usage = {
        &command_bench, "[options]",
        "Measure this machine's peak of fused multiply-adds, the matrix products of the image "
        "tower, every stage, and whole forward passes.",
        options};
    clipseg_status status = options_parse(&usage, &count, arguments, &error);

    if (!status && count > 1)
        status =
            error_set(&error, CLIPSEG_ERROR_USAGE, "bench takes no operands, found \"%.60s\"", arguments[1]);
    if (!status && (b.repeat < 1 || b.repeat > MOST_REPEATS))
        status = error_set(&error, CLIPSEG_ERROR_USAGE, "--repeat: want 1 to %d", MOST_REPEATS);
    if (!status && b.search)
        return run_search(&b);
    if (!status)
        status = prepare(&b, &error);
    if (!status)
        status = measure(&b, &error);
    free(b.image.rgb);
    free(b.logits);
    clipseg_session_close(&b.session);
    clipseg_model_close(&b.model);
    return status ? fail(&error) : 0;
}

const struct subcommand command_bench = {"bench", "stage times, with this machine's peak beside them", run};
