/* open.c: a checkpoint becomes a model: configuration, tokenizer, weights, in this order. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "model/build.h"
#include "model/model.h"

void clipseg_model_options_default(clipseg_model_options *options)
{
    *options = (clipseg_model_options){.size = sizeof *options};
}

static clipseg_status read_tokenizer(clipseg_model *model, clipseg_error *error)
{
    const struct checkpoint *checkpoint = &model->checkpoint;
    const clipseg_file *vocab = checkpoint_text(checkpoint, "vocab.json");
    const clipseg_file *merges = checkpoint_text(checkpoint, "merges.txt");
    const clipseg_file *whole = checkpoint_text(checkpoint, "tokenizer.json");
    const clipseg_file *special = checkpoint_text(checkpoint, "tokenizer.special");
    const clipseg_file *bytes = checkpoint_text(checkpoint, "tokenizer.bytes");
    const clipseg_file *pairs = checkpoint_text(checkpoint, "tokenizer.merges");
    clipseg_status status;

    if (special && bytes && pairs)
        status = tokenizer_from_tables(&model->tokenizer, checkpoint->name, special, bytes, pairs, error);
    else if (vocab && merges)
        status = tokenizer_from_vocabulary(&model->tokenizer, checkpoint->name, vocab->data, vocab->size,
                                           merges->data, merges->size, error);
    else if (whole)
        status = tokenizer_from_json(&model->tokenizer, checkpoint->name, whole->data, whole->size, error);
    else
        return error_set(
            error, CLIPSEG_ERROR_MODEL,
            "%s: no tokenizer; put vocab.json and merges.txt, or tokenizer.json, beside the weights",
            checkpoint->name);
    if (!status && tokenizer_size(model->tokenizer) > model->config.vocabulary)
        status = error_set(error, CLIPSEG_ERROR_MODEL,
                           "%s: the vocabulary has %zu entries but config.json says vocab_size %zu",
                           checkpoint->name, tokenizer_size(model->tokenizer), model->config.vocabulary);
    return status;
}

clipseg_status model_build(clipseg_model *model, const clipseg_model_options *options, struct pieces *pieces,
                           clipseg_error *error)
{
    struct pool *pool;
    clipseg_status status;

    if (!kernels_init(&model->kernels, options->cpu))
        return error_set(error, CLIPSEG_ERROR_USAGE,
                         "cpu \"%s\": no such instruction set on this architecture", options->cpu);
    if ((status = config_read(&model->config, &model->checkpoint, error)) != CLIPSEG_OK ||
        (status = preprocess_read(&model->preprocess, &model->checkpoint, error)) != CLIPSEG_OK ||
        (status = read_tokenizer(model, error)) != CLIPSEG_OK)
        return status;
    pool = pool_create(options->threads);
    if (!pool)
        return error_memory(error);
    status = weights_load(&model->weights, &model->checkpoint, &model->config, &model->kernels, pool, pieces,
                          error);
    pool_free(pool);
    return status;
}

/* Options as the caller gave them, or as far as an older caller knew them. */
static clipseg_model_options complete_options(const clipseg_model_options *options)
{
    clipseg_model_options complete;

    clipseg_model_options_default(&complete);
    if (options)
        memcpy(&complete, options, size_min(options->size, sizeof complete));
    return complete;
}

static clipseg_status finish(clipseg_model **model, clipseg_model *made, clipseg_status status,
                             const clipseg_model_options *options, clipseg_error *error)
{
    clipseg_model_options complete = complete_options(options);

    if (!status)
        status = model_build(made, &complete, NULL, error);
    if (status)
        clipseg_model_close(&made);
    else
        *model = made;
    return status;
}

clipseg_status clipseg_model_open(clipseg_model **model, const char *path,
                                  const clipseg_model_options *options, clipseg_error *error)
{
    clipseg_model_options complete = complete_options(options);
    clipseg_model *made = memory_zeroed(1, sizeof *made);
    clipseg_status status;

    if (!made)
        return error_memory(error);
    status = complete.clip ? checkpoint_open_original(&made->checkpoint, path, complete.clip, error)
                           : checkpoint_open(&made->checkpoint, path, error);
    return finish(model, made, status, &complete, error);
}

clipseg_status clipseg_model_open_memory(clipseg_model **model, const char *name, const clipseg_file *files,
                                         size_t count, const clipseg_model_options *options,
                                         clipseg_error *error)
{
    clipseg_model *made = memory_zeroed(1, sizeof *made);

    if (!made)
        return error_memory(error);
    return finish(model, made, checkpoint_open_memory(&made->checkpoint, name, files, count, error), options,
                  error);
}

void clipseg_model_close(clipseg_model **model)
{
    if (!*model)
        return;
    weights_free(&(*model)->weights);
    tokenizer_free((*model)->tokenizer);
    checkpoint_close(&(*model)->checkpoint);
    free(*model);
    *model = NULL;
}

void clipseg_model_get_info(const clipseg_model *model, clipseg_model_info *info)
{
    const struct preprocess *preprocess = &model->preprocess;
    size_t side = preprocess->do_center_crop ? preprocess->crop_width : preprocess->width;

    *info = (clipseg_model_info){
        .image_size = side ? side : model->config.image_size,
        .patch_size = model->config.patch,
        .embedding_size = model->config.projection,
        .context_length = model->config.context,
        .logit_scale = expf(model->weights.logit_scale),
        .has_decoder = model->config.has_decoder,
        .cpu = model->kernels.name,
    };
}

clipseg_status clipseg_tokenize(const clipseg_model *model, const char *text, size_t length, int32_t *ids,
                                size_t capacity, size_t *count, clipseg_error *error)
{
    return tokenizer_encode(model->tokenizer, text, length, ids, capacity, count, error);
}
