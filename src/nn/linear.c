/* linear.c: a linear layer over all threads. */
#include "base/checked.h"
#include "base/memory.h"
#include "nn/nn.h"

size_t matrix_stride(size_t n)
{
    size_t stride = round_up(n, PANEL);

    return stride % 256 ? stride : stride + PANEL;
}

/* A product in tasks of row_step rows and column_step columns. Row chunks run fastest: tasks that run at the
 * same time share their panels of B. */
struct split {
    size_t row_step, column_step, row_tasks, tasks;
};

/* The corner of a task's part of the product. */
struct corner {
    size_t row, column;
};

static struct corner corner_of(const struct split *split, size_t task)
{
    return (struct corner){task % split->row_tasks * split->row_step,
                           task / split->row_tasks * split->column_step};
}

struct job {
    const struct compute *compute;
    struct split split;
    struct gemm whole;
    const struct half_weights *half; /* read by run_half_task alone */
};

/* Rows [row, row + rows) and columns [column, column + columns), as far as there are any. b stays. */
static struct gemm cut(struct gemm whole, size_t row, size_t rows, size_t column, size_t columns)
{
    whole.m = size_min(rows, whole.m - row);
    whole.n = size_min(columns, whole.n - column);
    whole.a += row * whole.a_stride;
    whole.c += row * whole.c_stride + column;
    if (whole.bias)
        whole.bias += column;
    if (whole.residual)
        whole.residual += row * whole.c_stride + column;
    return whole;
}

static void run_task(void *context, size_t task, size_t worker)
{
    const struct job *job = context;
    struct corner at = corner_of(&job->split, task);
    struct gemm part = cut(job->whole, at.row, job->split.row_step, at.column, job->split.column_step);

    (void)worker;
    part.b += at.column / PANEL * part.panel_stride;
    job->compute->kernels->gemm(&part);
}

/* ---- weights in half precision */

size_t expanded_size(const struct kernels *kernels, size_t longest)
{
    return longest * kernels->gemm_columns;
}

/* Outputs [column, column + columns) as panels of floats. */
static void expand(const struct job *job, size_t column, size_t columns, float *out)
{
    const struct half_weights *w = job->half;
    size_t stride = job->whole.panel_stride, count = round_up(columns, PANEL) / PANEL * stride;

    job->compute->kernels->expand_half(count, w->panels + column / PANEL * stride, out);
    if (column + columns <= w->scaled) {
        for (size_t i = 0; i < count; i++)
            out[i] *= w->scale;
        return;
    }
    for (size_t i = column; i < w->scaled; i++)
        for (size_t k = 0; k < stride; k += PANEL)
            out[(i - column) / PANEL * stride + k + i % PANEL] *= w->scale;
}

/* As run_task; the panels of a tile are expanded where they stay in cache while the tile goes down the rows.
 */
static void run_half_task(void *context, size_t task, size_t worker)
{
    const struct job *job = context;
    const struct compute *compute = job->compute;
    struct corner at = corner_of(&job->split, task);
    size_t step = compute->kernels->gemm_columns;
    size_t end = size_min(at.column + job->split.column_step, job->whole.n);
    float *panels = compute->expanded + worker * compute->expanded_size;

    for (size_t column = at.column; column < end; column += step) {
        struct gemm part = cut(job->whole, at.row, job->split.row_step, column, size_min(step, end - column));
        expand(job, column, part.n, panels);
        part.b = panels;
        compute->kernels->gemm(&part);
    }
}

/* Tasks of about 16 million operations (150 us), at least a few per thread; rows and columns in whole tiles.
 */
static struct split choose_split(const struct compute *compute, size_t m, size_t n, size_t k)
{
    const struct kernels *kernels = compute->kernels;
    size_t threads = pool_threads(compute->pool), chunks = (m + 95) / 96;
    size_t rows = round_up((m + chunks - 1) / chunks, kernels->gemm_rows);
    double per_column = 2.0 * (double)rows * (double)k;
    size_t columns = round_up((size_t)(16e6 / per_column) + 1, kernels->gemm_columns);
    size_t widest = round_up(n, kernels->gemm_columns), row_tasks = (m + rows - 1) / rows;

    if (threads > 1) { /* enough tasks that nobody waits long at the end */
        size_t wanted = (4 * threads + row_tasks - 1) / row_tasks;
        widest = round_up((n + wanted - 1) / wanted, kernels->gemm_columns);
    }
    columns = size_min(columns, widest);
    return (struct split){rows, columns, row_tasks, row_tasks * ((n + columns - 1) / columns)};
}

/* ---- weights of bytes or words */

struct integer_job {
    const struct compute *compute;
    struct split split;
    const float *x; /* [whole.m, in] */
    size_t in, x_stride;
    bool words;
    struct gemm_integers whole;
};

#define QUANTIZE_ROWS 16 /* of one task */

static void run_quantize_task(void *context, size_t task, size_t worker)
{
    const struct integer_job *job = context;
    const struct kernels *kernels = job->compute->kernels;
    const struct integer_rows *rows = &job->compute->integers;
    size_t row = task * QUANTIZE_ROWS, count = size_min(QUANTIZE_ROWS, job->whole.m - row);
    const float *x = job->x + row * job->x_stride;

    (void)worker;
    if (job->words)
        kernels->quantize_words(count, job->in, x, job->x_stride, rows->words + row * rows->stride,
                                rows->stride, rows->scale + row);
    else
        kernels->quantize_rows(count, job->in, x, job->x_stride, rows->bytes + row * rows->stride,
                               rows->stride, rows->scale + row, rows->zero + row);
}

static void run_integer_task(void *context, size_t task, size_t worker)
{
    const struct integer_job *job = context;
    struct gemm_integers part = job->whole;
    struct corner at = corner_of(&job->split, task);
    size_t row = at.row, column = at.column, panels = column / PANEL * part.panel_stride;

    (void)worker;
    part.m = size_min(job->split.row_step, part.m - row);
    part.n = size_min(job->split.column_step, part.n - column);
    part.a_scale += row;
    part.b_scale += column;
    part.c += row * part.c_stride + column;
    if (part.bias)
        part.bias += column;
    if (part.residual)
        part.residual += row * part.c_stride + column;
    if (job->words) {
        part.a_words += row * part.a_stride;
        part.b_words += panels;
        job->compute->kernels->gemm_int16(&part);
    } else {
        part.a_bytes += row * part.a_stride;
        part.a_zero += row;
        part.b_bytes += panels;
        part.b_sum += column;
        job->compute->kernels->gemm_int8(&part);
    }
}

static void apply_integers(const struct compute *compute, const struct linear *linear,
                           const struct gemm *gemm)
{
    const struct integer_rows *rows = &compute->integers;
    const struct integer_weights *weights = &linear->integers;
    size_t k = round_up(linear->in, INTEGER_STEP);
    struct integer_job job = {.compute = compute,
                              .split = choose_split(compute, gemm->m, gemm->n, k),
                              .x = gemm->a,
                              .in = linear->in,
                              .x_stride = gemm->a_stride,
                              .words = weights->words != NULL,
                              .whole = {.m = gemm->m,
                                        .n = gemm->n,
                                        .k = k,
                                        .a_stride = rows->stride,
                                        .a_scale = rows->scale,
                                        .a_zero = rows->zero,
                                        .panel_stride = k * PANEL,
                                        .b_scale = weights->scale,
                                        .b_sum = weights->sum,
                                        .bias = gemm->bias,
                                        .residual = gemm->residual,
                                        .activation = gemm->activation,
                                        .c = gemm->c,
                                        .c_stride = gemm->c_stride}};

    if (job.words) {
        job.whole.a_words = rows->words;
        job.whole.b_words = weights->words;
    } else {
        job.whole.a_bytes = rows->bytes;
        job.whole.b_bytes = weights->bytes;
    }
    pool_run(compute->pool, (gemm->m + QUANTIZE_ROWS - 1) / QUANTIZE_ROWS, run_quantize_task, &job);
    pool_run(compute->pool, job.split.tasks, run_integer_task, &job);
}

void integer_rows_take(struct integer_rows *rows, struct arena *arena, size_t count, size_t widest,
                       size_t size)
{
    rows->stride = round_up(widest, CACHE_LINE) + CACHE_LINE / size;
    rows->bytes = arena_take(arena, count * rows->stride, size);
    rows->scale = arena_take(arena, count, sizeof *rows->scale);
    rows->zero = arena_take(arena, count, sizeof *rows->zero);
}

void linear_apply(const struct compute *compute, const struct linear *linear, size_t rows, const float *x,
                  size_t x_stride, enum gemm_activation activation, const float *residual, float *out,
                  size_t out_stride)
{
    struct gemm gemm = {.m = rows,
                        .n = linear->out,
                        .k = linear->in,
                        .a = x,
                        .a_stride = x_stride,
                        .b = linear->weight,
                        .panel_stride = linear->in * PANEL,
                        .bias = linear->bias,
                        .residual = residual,
                        .activation = activation,
                        .c = out,
                        .c_stride = out_stride};

    if (!rows)
        return;
    if (compute->watch)
        compute->watch(compute->watch_context, linear, rows, x, x_stride);
    compute->stages->flops[compute->stages->current] +=
        2.0 * (double)rows * (double)linear->out * (double)linear->in;
    if (linear->integers.scale) {
        apply_integers(compute, linear, &gemm);
        return;
    }
    struct job job = {compute, choose_split(compute, rows, linear->out, linear->in), gemm, &linear->half};
    pool_run(compute->pool, job.split.tasks, linear->half.panels ? run_half_task : run_task, &job);
}
