/* bytes.c: a packed matrix to bytes on all threads, a panel at a time. */
#include "model/bytes.h"

#include <stdlib.h>

#include "base/checked.h"
#include "base/memory.h"
#include "checkpoint/gguf.h"
#include "kernels/int8.h"

struct job {
    const struct piece *piece; /* [panels, in, PANEL] */
    size_t in;
    float *rows;     /* [threads][PANEL][in]: a panel's features, one after the other */
    int8_t *scratch; /* [threads][round_up(in, INT8_STEP)] */
    int8_t *bytes;   /* [panels][round_up(in, INT8_STEP) / 4][PANEL][4] */
    float *scale;    /* [panels * PANEL] */
    int32_t *sum;    /* [panels * PANEL] */
};

static void run_panel(void *context, size_t panel, size_t worker)
{
    const struct job *job = context;
    size_t in = job->in;
    const float *packed = job->piece->data + panel * in * PANEL;
    float *rows = job->rows + worker * PANEL * in;

    for (size_t row = 0; row < PANEL; row++)
        for (size_t i = 0; i < in; i++)
            rows[row * in + i] = packed[i * PANEL + row];
    int8_pack(PANEL, in, rows, in, job->bytes + panel * int8_packed_size(PANEL, in),
              job->scratch + worker * round_up(in, INT8_STEP), job->scale + panel * PANEL,
              job->sum + panel * PANEL);
}

static void write_padded(const void *data, size_t size, FILE *stream)
{
    fwrite(data, 1, size, stream);
    gguf_write_padding(size, stream);
}

bool bytes_write(const struct piece *piece, struct pool *pool, FILE *stream)
{
    size_t panels = piece->shape[0], in = piece->shape[1], threads = pool_threads(pool),
           size = int8_packed_size(panels * PANEL, in);
    struct job job = {.piece = piece,
                      .in = in,
                      .rows = memory_aligned(threads * PANEL * in, sizeof(float)),
                      .scratch = memory_aligned(threads * round_up(in, INT8_STEP), 1),
                      .bytes = memory_aligned(size, 1),
                      .scale = memory_aligned(panels * PANEL, sizeof(float)),
                      .sum = memory_aligned(panels * PANEL, sizeof(int32_t))};
    bool complete = job.rows && job.scratch && job.bytes && job.scale && job.sum;

    if (complete) {
        pool_run(pool, panels, run_panel, &job);
        write_padded(job.bytes, size, stream);
        write_padded(job.scale, panels * PANEL * sizeof *job.scale, stream);
        write_padded(job.sum, panels * PANEL * sizeof *job.sum, stream);
    }
    free(job.rows);
    free(job.scratch);
    free(job.bytes);
    free(job.scale);
    free(job.sum);
    return complete;
}
