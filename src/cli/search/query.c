/* query.c: what is looked for as one vector: the mean of the phrases mixed with the mean of the pictures,
 * less what is not wanted. Every part counts by its direction, whatever its length. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/search/search.h"
#include "index/vector.h"

#define UNWANTED 0.5f /* the weight of what is not wanted */

/* The mean of the embeddings of one kind, texts or pictures; false when there are none. directions: each is
 * scaled to length 1 before. */
static bool mean_of(const struct prompt_list *list, bool pictures, bool directions, size_t size, float *mean)
{
    float *one = memory_aligned(size, sizeof *one);
    size_t count = 0;

    memset(mean, 0, size * sizeof *mean);
    for (size_t i = 0; one && i < list->count; i++) {
        if (list->items[i].is_visual != pictures)
            continue;
        memcpy(one, list->embeddings + i * size, size * sizeof *one);
        if (directions)
            vector_normalize(one, size);
        for (size_t k = 0; k < size; k++)
            mean[k] += one[k];
        count++;
    }
    free(one);
    for (size_t k = 0; count && k < size; k++)
        mean[k] /= (float)count;
    return count > 0;
}

/* Phrases and pictures of a list as one vector. out, other: [size] */
static void combine(const struct prompt_list *list, double image_weight, bool directions, size_t size,
                    float *out, float *other)
{
    bool texts = mean_of(list, false, directions, size, out);
    bool pictures = mean_of(list, true, directions, size, other);
    float weight = !texts ? 1.0f : pictures ? (float)image_weight : 0.0f;

    for (size_t k = 0; k < size; k++)
        out[k] = (1.0f - weight) * out[k] + weight * other[k];
}

clipseg_status search_query(struct search *search, clipseg_error *error)
{
    size_t size = search->info.embedding_size;
    float *unwanted = memory_zeroed(size, sizeof *unwanted), *scratch = memory_zeroed(size, sizeof *scratch);
    clipseg_status status = CLIPSEG_OK;

    search->query = memory_zeroed(size, sizeof *search->query);
    search->condition = memory_zeroed(size, sizeof *search->condition);
    if (!unwanted || !scratch || !search->query || !search->condition)
        status = error_memory(error);
    if (!status && search->wanted.count)
        status = prompts_embed(&search->wanted, search->model, search->session, &search->image_options,
                               search->choice.quiet, error);
    if (!status && search->unwanted.count)
        status = prompts_embed(&search->unwanted, search->model, search->session, &search->image_options,
                               search->choice.quiet, error);
    if (!status) {
        combine(&search->wanted, search->image_weight, true, size, search->query, scratch);
        combine(&search->wanted, search->image_weight, false, size, search->condition, scratch);
        combine(&search->unwanted, search->image_weight, true, size, unwanted, scratch);
        for (size_t k = 0; k < size; k++)
            search->query[k] -= UNWANTED * unwanted[k];
        vector_normalize(search->query, size);
    }
    free(unwanted);
    free(scratch);
    return status;
}
