/* norm.c: layer normalisation over all threads. */
#include "base/checked.h"
#include "nn/nn.h"

#define ROWS_PER_TASK 64

struct job {
    const struct compute *compute;
    const struct layer_norm *norm;
    size_t rows, x_stride, out_stride;
    const float *x;
    float *out;
};

static void run_task(void *context, size_t task, size_t worker)
{
    const struct job *job = context;
    size_t row = task * ROWS_PER_TASK;

    (void)worker;
    job->compute->kernels->layer_norm(size_min(ROWS_PER_TASK, job->rows - row), job->norm->size,
                                      job->x + row * job->x_stride, job->x_stride, job->norm->gamma,
                                      job->norm->beta, job->norm->epsilon, job->out + row * job->out_stride,
                                      job->out_stride);
}

void layer_norm_apply(const struct compute *compute, const struct layer_norm *norm, size_t rows,
                      const float *x, size_t x_stride, float *out, size_t out_stride)
{
    struct job job = {compute, norm, rows, x_stride, out_stride, x, out};

    pool_run(compute->pool, (rows + ROWS_PER_TASK - 1) / ROWS_PER_TASK, run_task, &job);
}
