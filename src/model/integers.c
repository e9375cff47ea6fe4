/* integers.c: a packed matrix to bytes or words on all threads, a panel at a time. */
#include "model/integers.h"

#include <stdlib.h>

#include "base/checked.h"
#include "base/memory.h"
#include "checkpoint/gguf.h"
#include "kernels/int16.h"
#include "kernels/int8.h"

struct job {
    const struct piece *piece; /* [panels, in, PANEL] */
    size_t in, padded;         /* padded: round_up(in, INTEGER_STEP) */
    float *rows;               /* [threads][PANEL][in]: a panel's features, one after the other */
    int8_t *scratch;           /* [threads][padded] */
    void *panels;              /* [panels][padded][PANEL] of the piece's type */
    float *scale;              /* [panels * PANEL] */
    int32_t *sum;              /* [panels * PANEL], of bytes */
};

static void run_panel(void *context, size_t panel, size_t worker)
{
    const struct job *job = context;
    size_t in = job->in, place = panel * PANEL * job->padded;
    const float *packed = job->piece->data + panel * in * PANEL;
    float *rows = job->rows + worker * PANEL * in, *scale = job->scale + panel * PANEL;

    for (size_t row = 0; row < PANEL; row++)
        for (size_t i = 0; i < in; i++)
            rows[row * in + i] = packed[i * PANEL + row];
    if (job->piece->type == TENSOR_I16)
        int16_pack(PANEL, in, rows, in, (int16_t *)job->panels + place, scale);
    else
        int8_pack(PANEL, in, rows, in, (int8_t *)job->panels + place, job->scratch + worker * job->padded,
                  scale, job->sum + panel * PANEL);
}

static void write_padded(const void *data, size_t size, FILE *stream)
{
    fwrite(data, 1, size, stream);
    gguf_write_padding(size, stream);
}

bool integers_write(const struct piece *piece, struct pool *pool, FILE *stream)
{
    size_t panels = piece->shape[0], in = piece->shape[1], padded = round_up(in, INTEGER_STEP),
           rows = panels * PANEL, threads = pool_threads(pool), size = tensor_type_size(piece->type);
    struct job job = {.piece = piece,
                      .in = in,
                      .padded = padded,
                      .rows = memory_aligned(threads * PANEL * in, sizeof(float)),
                      .scratch = memory_aligned(threads * padded, 1),
                      .panels = memory_aligned(rows * padded, size),
                      .scale = memory_aligned(rows, sizeof(float)),
                      .sum = memory_aligned(rows, sizeof(int32_t))};
    bool complete = job.rows && job.scratch && job.panels && job.scale && job.sum;

    if (complete) {
        pool_run(pool, panels, run_panel, &job);
        write_padded(job.panels, rows * padded * size, stream);
        write_padded(job.scale, rows * sizeof *job.scale, stream);
        if (piece->type == TENSOR_I8)
            write_padded(job.sum, rows * sizeof *job.sum, stream);
    }
    free(job.rows);
    free(job.scratch);
    free(job.panels);
    free(job.scale);
    free(job.sum);
    return complete;
}
