/* attention.c: multi-head self-attention. Keys and values of every head are packed once; then each task takes
 * a block of queries of one head, and its strip of scores stays in the second-level cache between the two
 * products. */
#include "base/checked.h"
#include "nn/nn.h"

#define QUERY_ROWS 48

struct job {
    const struct compute *compute;
    const struct attention *attention;
    const float *qkv;
    float *out;
    size_t qkv_stride, out_stride, blocks; /* blocks of queries per head and sequence */
};

/* The tokens of one sequence. */
struct span {
    size_t first, count;
};

static struct span sequence_span(const struct attention *attention, size_t sequence)
{
    if (!attention->starts)
        return (struct span){sequence * attention->length, attention->length};
    size_t first = attention->starts[sequence];
    return (struct span){first, attention->starts[sequence + 1] - first};
}

static size_t packed_per_head(size_t length, size_t head_size)
{
    return round_up(length, PANEL) * round_up(head_size, PANEL);
}

size_t attention_packed_size(size_t sequences, size_t length, size_t heads, size_t head_size)
{
    return sequences * heads * packed_per_head(length, head_size);
}

size_t attention_scores_size(size_t length)
{
    return QUERY_ROWS * matrix_stride(length);
}

/* One head of one sequence. */
static void pack_task(void *context, size_t task, size_t worker)
{
    const struct job *job = context;
    const struct attention *attention = job->attention;
    const struct kernels *kernels = job->compute->kernels;
    size_t head = task % attention->heads, size = attention->head_size, hidden = attention->heads * size;
    struct span span = sequence_span(attention, task / attention->heads);
    size_t place = task * packed_per_head(attention->length, size);
    const float *keys = job->qkv + span.first * job->qkv_stride + hidden + head * size;

    (void)worker;
    kernels->pack_rows(span.count, size, keys, job->qkv_stride, attention->keys + place);
    kernels->pack_columns(span.count, size, keys + hidden, job->qkv_stride, attention->values + place);
}

/* A block of queries of one head of one sequence. */
static void attend_task(void *context, size_t task, size_t worker)
{
    const struct job *job = context;
    const struct attention *attention = job->attention;
    const struct kernels *kernels = job->compute->kernels;
    size_t block = task % job->blocks, pair = task / job->blocks, size = attention->head_size;
    size_t head = pair % attention->heads;
    struct span span = sequence_span(attention, pair / attention->heads);
    size_t place = pair * packed_per_head(attention->length, size);
    size_t row = block * QUERY_ROWS, valid[QUERY_ROWS];
    float *scores = attention->scores + worker * attention_scores_size(attention->length);
    size_t stride = matrix_stride(attention->length);

    if (row >= span.count)
        return;
    size_t rows = size_min(QUERY_ROWS, span.count - row);
    if (attention->queries)
        rows = size_min(rows, attention->queries - row);
    size_t keys = attention->causal ? row + rows : span.count;
    kernels->gemm(&(struct gemm){.m = rows,
                                 .n = keys,
                                 .k = size,
                                 .panel_stride = size * PANEL,
                                 .c = scores,
                                 .a = job->qkv + (span.first + row) * job->qkv_stride + head * size,
                                 .a_stride = job->qkv_stride,
                                 .b = attention->keys + place,
                                 .c_stride = stride});
    for (size_t i = 0; i < rows; i++)
        valid[i] = row + i + 1;
    kernels->softmax(rows, keys, attention->causal ? valid : NULL, scores, stride);
    kernels->gemm(&(struct gemm){.m = rows,
                                 .n = size,
                                 .k = keys,
                                 .panel_stride = span.count * PANEL,
                                 .a = scores,
                                 .a_stride = stride,
                                 .b = attention->values + place,
                                 .c_stride = job->out_stride,
                                 .c = job->out + (span.first + row) * job->out_stride + head * size});
}

void attention_apply(const struct compute *compute, const struct attention *attention, const float *qkv,
                     size_t qkv_stride, float *out, size_t out_stride)
{
    size_t longest = attention->queries ? size_min(attention->queries, attention->length) : attention->length;
    struct job job = {
        compute, attention, qkv, out, qkv_stride, out_stride, (longest + QUERY_ROWS - 1) / QUERY_ROWS};
    size_t pairs = attention->sequences * attention->heads;

    for (size_t i = 0; i < attention->sequences; i++) {
        size_t tokens = sequence_span(attention, i).count;
        compute->stages->flops[compute->stages->current] += 4.0 * (double)tokens *
                                                            (double)size_min(tokens, longest) *
                                                            (double)(attention->heads * attention->head_size);
    }
    pool_run(compute->pool, pairs, pack_task, &job);
    pool_run(compute->pool, pairs * job.blocks, attend_task, &job);
}
