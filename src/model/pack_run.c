/* pack_run.c: converts and packs the collected tensors, sixteen rows at a time, on all threads. */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/half.h"
#include "base/memory.h"
#include "model/pack.h"

struct run {
    const struct packer *packer;
    const struct kernels *kernels;
    size_t *first_task;  /* [jobs + 1] */
    atomic_size_t *left; /* [jobs] tasks that are not done yet */
    float *staging;      /* [threads][PANEL + 1][longest]: rows of a panel, then one tensor row */
    size_t longest;
    atomic_size_t broken; /* 1 + the number of a job whose tensor is not finite; 0: none */
    atomic_size_t large;  /* the same for one that does not fit into half precision */
};

enum verdict { GOOD, BROKEN, LARGE };

static bool all_finite(const float *x, size_t count)
{
    float sum = 0.0f; /* x - x is 0 for numbers and NaN for everything else */

    for (size_t i = 0; i < count; i++)
        sum += x[i] - x[i];
    return sum == 0.0f;
}

static void round_to_half(float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        x[i] = float_from_half(half_from_float(x[i]));
}

/* What has just been read: numbers? Then rounded and scaled. */
static enum verdict finish(const struct pack_job *job, float *x, size_t count)
{
    if (!all_finite(x, count))
        return BROKEN;
    if (job->half) {
        round_to_half(x, count);
        if (!all_finite(x, count))
            return LARGE;
    }
    for (size_t i = 0; i < count && job->scale != 1.0f; i++)
        x[i] *= job->scale;
    return GOOD;
}

/* Row `row` of the job's matrix [out, in] in float32. */
static void read_row(const struct pack_job *job, size_t row, float *out)
{
    const struct tensor *t = &job->tensor;

    if (job->form == PACK_CONVOLUTION) { /* [row][channel][3][3] -> [ky][kx][channel] */
        size_t channels = job->in / 9;
        for (size_t channel = 0; channel < channels; channel++)
            for (size_t place = 0; place < 9; place++)
                tensor_read_f32(t, (row * channels + channel) * 9 + place, 1,
                                out + place * channels + channel);
    } else if (job->form == PACK_TRANSPOSED) { /* row = place * channels + channel of [in][channel][place] */
        size_t channels = t->shape[1], places = t->shape[2] * t->shape[3];
        for (size_t i = 0; i < job->in; i++)
            tensor_read_f32(t, (i * channels + row % channels) * places + row / channels, 1, out + i);
    } else {
        tensor_read_f32(t, row * job->in, job->in, out);
    }
}

/* Rows [first, first + count) of one panel. A panel that two tensors share (qkv with a width that is no
 * multiple of PANEL) is written in part by each. */
static enum verdict pack_rows(const struct run *run, const struct pack_job *job, size_t panel, float *staging)
{
    size_t start = panel * PANEL, end = size_min(start + PANEL, job->first_row + job->out);
    size_t first = size_max(start, job->first_row), filled = end - first;
    float *out = (float *)job->packed + start * job->in;

    for (size_t row = first; row < end; row++) {
        float *line = staging + (row - first) * job->in;
        read_row(job, row - job->first_row, line);
        enum verdict verdict = finish(job, line, job->in);
        if (verdict != GOOD)
            return verdict;
    }
    if (first == start && filled == PANEL) {
        run->kernels->pack_rows(PANEL, job->in, staging, job->in, out);
        return GOOD;
    }
    for (size_t i = 0; i < filled; i++)
        for (size_t j = 0; j < job->in; j++)
            out[j * PANEL + (first - start) + i] = staging[i * job->in + j];
    return GOOD;
}

/* Elements of a copy or scan that one task takes. */
#define COPY_STEP ((size_t)1 << 16)

static enum verdict copy_part(const struct run *run, const struct pack_job *job, size_t part, float *staging)
{
    size_t total = job->tensor.count, step = size_min(COPY_STEP, run->longest * PANEL);

    for (size_t first = part * COPY_STEP; first < size_min(total, (part + 1) * COPY_STEP); first += step) {
        size_t count = size_min(step, size_min(total, (part + 1) * COPY_STEP) - first);
        float *out = job->form == PACK_COPY ? (float *)job->packed + first : staging;
        tensor_read_f32(&job->tensor, first, count, out);
        enum verdict verdict = finish(job, out, count);
        if (verdict != GOOD)
            return verdict;
    }
    return GOOD;
}

static enum verdict run_part(const struct run *run, const struct pack_job *job, size_t part, float *staging)
{
    switch (job->form) {
    case PACK_COPY:
    case PACK_SCAN:
        return copy_part(run, job, part, staging);
    case PACK_BYTES:
        memcpy(job->packed, job->tensor.data, job->tensor.count * tensor_type_size(job->tensor.type));
        return GOOD;
    default:
        return pack_rows(run, job, job->first_row / PANEL + part, staging);
    }
}

static size_t task_count(const struct pack_job *job)
{
    if (job->form == PACK_BYTES)
        return 1;
    if (job->form == PACK_COPY || job->form == PACK_SCAN)
        return (job->tensor.count + COPY_STEP - 1) / COPY_STEP;
    return (job->first_row + job->out + PANEL - 1) / PANEL - job->first_row / PANEL;
}

/* The checkpoint and its packed form need not both be in memory. */
static void drop_source(const struct checkpoint *checkpoint, const struct tensor *tensor)
{
    if (tensor->strided)
        return;
    for (size_t i = 0; i < checkpoint->map_count; i++)
        file_map_drop(&checkpoint->maps[i], tensor->data, tensor->count * tensor_type_size(tensor->type));
}

static void run_task(void *context, size_t task, size_t worker)
{
    struct run *run = context;
    size_t low = 0, high = run->packer->count; /* the job whose tasks include this one */
    float *staging = run->staging + worker * run->longest * PANEL;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (run->first_task[middle] <= task)
            low = middle;
        else
            high = middle;
    }
    const struct pack_job *job = &run->packer->jobs[low];
    size_t part = task - run->first_task[low];
    enum verdict verdict = run_part(run, job, part, staging);
    if (verdict != GOOD)
        atomic_store(verdict == BROKEN ? &run->broken : &run->large, low + 1);
    if (atomic_fetch_sub(&run->left[low], 1) == 1)
        drop_source(run->packer->checkpoint, &job->tensor);
}

/* The first and the last panel of a matrix may be filled in part, or by two tensors: they start at zero. */
static void clear_outer_panels(const struct pack_job *job)
{
    size_t panel_size = PANEL * job->in;
    float *packed = job->packed;

    if (job->form == PACK_COPY || job->form == PACK_SCAN || job->form == PACK_BYTES)
        return;
    memset(packed + job->first_row / PANEL * panel_size, 0, panel_size * sizeof *packed);
    memset(packed + (job->first_row + job->out - 1) / PANEL * panel_size, 0, panel_size * sizeof *packed);
}

clipseg_status packer_run(struct packer *packer, const struct kernels *kernels, struct pool *pool,
                          clipseg_error *error)
{
    struct run run = {.packer = packer, .kernels = kernels, .longest = 1};
    clipseg_status status = CLIPSEG_OK;

    run.first_task = memory_zeroed(packer->count + 1, sizeof *run.first_task);
    run.left = memory_zeroed(packer->count + 1, sizeof *run.left);
    if (!run.first_task || !run.left) {
        free(run.first_task);
        free(run.left);
        return error_memory(error);
    }
    for (size_t i = 0; i < packer->count; i++) {
        const struct pack_job *job = &packer->jobs[i];
        run.first_task[i + 1] = run.first_task[i] + task_count(job);
        atomic_init(&run.left[i], task_count(job));
        if (job->form != PACK_COPY && job->form != PACK_BYTES)
            run.longest = size_max(run.longest, job->in);
    }
    run.staging = memory_aligned(pool_threads(pool) * run.longest * PANEL, sizeof(float));
    if (run.staging) {
        for (size_t i = 0; i < packer->count; i++)
            clear_outer_panels(&packer->jobs[i]);
        pool_run(pool, run.first_task[packer->count], run_task, &run);
    } else {
        status = error_memory(error);
    }
    if (run.broken) {
        const struct tensor *tensor = &packer->jobs[run.broken - 1].tensor;
        status =
            error_set(error, CLIPSEG_ERROR_MODEL, "%s: tensor %s: holds NaN or infinity; get the file again",
                      tensor->file, tensor->name);
    } else if (run.large) {
        const struct tensor *tensor = &packer->jobs[run.large - 1].tensor;
        status =
            error_set(error, CLIPSEG_ERROR_MODEL,
                      "%s: tensor %s: holds a number above 65504, the largest in half precision; take f32",
                      tensor->file, tensor->name);
    }
    free(run.staging);
    free(run.first_task);
    free(run.left);
    return status;
}
