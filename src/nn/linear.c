/* linear.c: a linear layer over all threads. */
#include "base/checked.h"
#include "nn/nn.h"

size_t matrix_stride(size_t n)
{
    size_t stride = round_up(n, PANEL);

    return stride % 256 ? stride : stride + PANEL;
}

struct job {
    const struct compute *compute;
    struct gemm whole;
    size_t row_step, column_step, row_tasks;
};

/* Row chunks run fastest: tasks that run at the same time share their panels of B. */
static void run_task(void *context, size_t task, size_t worker)
{
    const struct job *job = context;
    struct gemm part = job->whole;
    size_t row = task % job->row_tasks * job->row_step, column = task / job->row_tasks * job->column_step;

    (void)worker;
    part.m = size_min(job->row_step, part.m - row);
    part.n = size_min(job->column_step, part.n - column);
    part.a += row * part.a_stride;
    part.b += column / PANEL * part.panel_stride;
    part.c += row * part.c_stride + column;
    if (part.bias)
        part.bias += column;
    if (part.residual)
        part.residual += row * part.c_stride + column;
    job->compute->kernels->gemm(&part);
}

/* Tasks of about 16 million operations (150 us), at least a few per thread; rows and columns in whole tiles.
 */
static void choose_steps(struct job *job, size_t threads)
{
    const struct kernels *kernels = job->compute->kernels;
    const struct gemm *g = &job->whole;
    size_t chunks = (g->m + 95) / 96;
    size_t rows = round_up((g->m + chunks - 1) / chunks, kernels->gemm_rows);
    double per_column = 2.0 * (double)rows * (double)g->k;
    size_t columns = round_up((size_t)(16e6 / per_column) + 1, kernels->gemm_columns);
    size_t widest = round_up(g->n, kernels->gemm_columns);

    job->row_tasks = (g->m + rows - 1) / rows;
    if (threads > 1) { /* enough tasks that nobody waits long at the end */
        size_t wanted = (4 * threads + job->row_tasks - 1) / job->row_tasks;
        widest = round_up((g->n + wanted - 1) / wanted, kernels->gemm_columns);
    }
    job->row_step = rows;
    job->column_step = size_min(columns, widest);
}

void linear_apply(const struct compute *compute, const struct linear *linear, size_t rows, const float *x,
                  size_t x_stride, enum gemm_activation activation, const float *residual, float *out,
                  size_t out_stride)
{
    struct job job = {
        .compute = compute,
        .whole = {.m = rows,
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
                  .c_stride = out_stride},
    };

    if (!rows)
        return;
    choose_steps(&job, pool_threads(compute->pool));
    compute->stages->flops[compute->stages->current] +=
        2.0 * (double)rows * (double)linear->out * (double)linear->in;
    pool_run(compute->pool, job.row_tasks * ((linear->out + job.column_step - 1) / job.column_step), run_task,
             &job);
}
