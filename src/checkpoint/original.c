/* original.c: from the names of timojl/clipseg to those of Hugging Face's CLIPSeg.
 *
 *     film_mul, film_add, reduces.N            decoder.(the same)
 *     blocks.N.self_attn.in_proj_{weight,bias} decoder.layers.N.self_attn.{q,k,v}_proj.{weight,bias}, a third
 * each blocks.N.self_attn.out_proj              decoder.layers.N.self_attn.out_proj blocks.N.linear1,
 * linear2, norm1, norm2  decoder.layers.N.mlp.fc1, mlp.fc2, layer_norm1, layer_norm2 trans_conv,
 * trans_conv.{0,2,4}           decoder.transposed_convolution(.{0,2,4})
 *
 * `reduce` and whatever else lies there is unused. */
#include "checkpoint/original.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "checkpoint/list.h"

#define NAME_SIZE 256

bool original_is_decoder(const struct checkpoint *checkpoint)
{
    return checkpoint_find(checkpoint, "film_mul.weight") != NULL;
}

/* ---- names */

/* One name for another at the start of what follows a prefix. */
struct renaming {
    const char *from, *to;
};

static const struct renaming outer[] = {{"film_mul.", "film_mul."},
                                        {"film_add.", "film_add."},
                                        {"reduces.", "reduces."},
                                        {"trans_conv.", "transposed_convolution."}};

static const struct renaming inner[] = {{"self_attn.out_proj.", "self_attn.out_proj."},
                                        {"linear1.", "mlp.fc1."},
                                        {"linear2.", "mlp.fc2."},
                                        {"norm1.", "layer_norm1."},
                                        {"norm2.", "layer_norm2."}};

static bool rename_start(const struct renaming *table, size_t count, const char *prefix, const char *name,
                         char *out)
{
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(table[i].from);
        if (!strncmp(name, table[i].from, length)) {
            snprintf(out, NAME_SIZE, "%s%s%.100s", prefix, table[i].to, name + length);
            return true;
        }
    }
    return false;
}

static clipseg_status add_named(struct checkpoint *checkpoint, struct tensor tensor, const char *name,
                                clipseg_error *error)
{
    tensor.name = checkpoint_keep_string(checkpoint, name, strlen(name));
    return tensor.name && checkpoint_add_tensor(checkpoint, &tensor) ? CLIPSEG_OK : error_memory(error);
}

/* in_proj holds queries, keys and values one after the other along its first dimension. */
static clipseg_status split(struct checkpoint *checkpoint, const struct tensor *tensor, const char *prefix,
                            const char *kind, clipseg_error *error)
{
    static const char *const parts[] = {"q_proj", "k_proj", "v_proj"};
    struct tensor part = *tensor;
    size_t rest, step;

    if (!tensor->rank || tensor->rank > 2 || !tensor->count || tensor->shape[0] % 3)
        return error_set(error, CLIPSEG_ERROR_MODEL, "%s: tensor \"%s\": want three parts of the same size",
                         tensor->file, tensor->name);
    part.shape[0] /= 3;
    part.count /= 3;
    rest = tensor->count / tensor->shape[0];
    step = part.shape[0] * (tensor->strided ? tensor->stride[0] : rest);
    for (size_t i = 0; i < 3; i++) {
        char name[NAME_SIZE];
        snprintf(name, sizeof name, "%sself_attn.%s.%s", prefix, parts[i], kind);
        part.data = tensor->data + i * step * tensor_type_size(tensor->type);
        clipseg_status status = add_named(checkpoint, part, name, error);
        if (status)
            return status;
    }
    return CLIPSEG_OK;
}

static clipseg_status add_decoder_tensor(struct checkpoint *checkpoint, const struct tensor *tensor,
                                         clipseg_error *error)
{
    char name[NAME_SIZE], prefix[64];
    unsigned layer;
    int length = 0;

    if (rename_start(outer, sizeof outer / sizeof *outer, "decoder.", tensor->name, name))
        return add_named(checkpoint, *tensor, name, error);
    if (sscanf(tensor->name, "blocks.%3u.%n", &layer, &length) != 1 || !length)
        return CLIPSEG_OK;
    snprintf(prefix, sizeof prefix, "decoder.layers.%u.", layer);
    if (rename_start(inner, sizeof inner / sizeof *inner, prefix, tensor->name + length, name))
        return add_named(checkpoint, *tensor, name, error);
    if (!strcmp(tensor->name + length, "self_attn.in_proj_weight"))
        return split(checkpoint, tensor, prefix, "weight", error);
    if (!strcmp(tensor->name + length, "self_attn.in_proj_bias"))
        return split(checkpoint, tensor, prefix, "bias", error);
    return CLIPSEG_OK;
}

/* CLIP's tensors get the prefix that they have in a CLIPSeg checkpoint; a CLIPSeg's own decoder goes. */
static clipseg_status rename_clip(struct checkpoint *checkpoint, bool plain, clipseg_error *error)
{
    size_t kept = 0;

    for (size_t i = 0; i < checkpoint->tensor_count; i++) {
        struct tensor tensor = checkpoint->tensors[i];
        if (plain) {
            char name[NAME_SIZE];
            snprintf(name, sizeof name, "clip.%.200s", tensor.name);
            tensor.name = checkpoint_keep_string(checkpoint, name, strlen(name));
            if (!tensor.name)
                return error_memory(error);
        } else if (!strncmp(tensor.name, "decoder.", 8)) {
            continue;
        }
        checkpoint->tensors[kept++] = tensor;
    }
    checkpoint->tensor_count = kept;
    return CLIPSEG_OK;
}

/* ---- configuration */

static size_t count_reductions(const struct checkpoint *decoder)
{
    char name[64];
    size_t count = 0;

    do
        snprintf(name, sizeof name, "reduces.%zu.weight", count);
    while (checkpoint_find(decoder, name) && ++count);
    return count;
}

static size_t side_of(const struct checkpoint *decoder, const char *name)
{
    const struct tensor *tensor = checkpoint_find(decoder, name);

    return tensor && tensor->rank ? tensor->shape[0] : 0;
}

/* Members of config.json that the tensors decide. */
static clipseg_status fill_config(json_t *config, const struct checkpoint *decoder, bool plain,
                                  clipseg_error *error)
{
    const char *file = decoder->tensors[0].file;
    size_t reductions = count_reductions(decoder), reduce = side_of(decoder, "film_mul.weight"),
           inner_size = side_of(decoder, "blocks.0.linear1.weight");
    bool simple = checkpoint_find(decoder, "trans_conv.weight"),
         complex_head = checkpoint_find(decoder, "trans_conv.0.weight");
    const json_t *layers = json_object_get(config, "extract_layers");
    bool known = !plain && json_is_array(layers) && json_array_size(layers) == reductions;

    if (simple == complex_head || !reduce || !inner_size)
        return error_set(
            error, CLIPSEG_ERROR_MODEL,
            "%s: want an original CLIPSeg decoder: film_mul, blocks.0.linear1 and one head (trans_conv "
            "alone or trans_conv.0, .2, .4)",
            file);
    if (!known && reductions != 3)
        return error_set(error, CLIPSEG_ERROR_MODEL,
                         "%s: has %zu reductions (reduces.N): only three are known, of the layers 3, 6 and 9",
                         file, reductions);
    if (json_object_set_new(config, "model_type", json_string("clipseg")) ||
        json_object_set_new(config, "reduce_dim", json_integer((json_int_t)reduce)) ||
        json_object_set_new(config, "decoder_intermediate_size", json_integer((json_int_t)inner_size)) ||
        json_object_set_new(config, "use_complex_transposed_convolution", json_boolean(complex_head)) ||
        (!known && json_object_set_new(config, "extract_layers", json_pack("[i,i,i]", 3, 6, 9))))
        return error_memory(error);
    return CLIPSEG_OK;
}

/* config.json with the decoder's part; without the CLIP processor's sizes, which are not CLIPSeg's. */
static clipseg_status join_config(struct checkpoint *checkpoint, const struct checkpoint *decoder,
                                  bool *plain, clipseg_error *error)
{
    const clipseg_file *file = checkpoint_text(checkpoint, "config.json");
    json_t *config = NULL;
    char *text = NULL;
    clipseg_status status = json_parse_limited(&config, file->data, file->size, JSON_LARGEST_CONFIG,
                                               checkpoint->name, CLIPSEG_ERROR_MODEL, error);

    if (status)
        return status;
    const char *type = json_string_value(json_object_get(config, "model_type"));
    *plain = !type || strcmp(type, "clipseg") != 0;
    if (*plain && (!type || strcmp(type, "clip") != 0))
        status = error_set(error, CLIPSEG_ERROR_MODEL,
                           "%s: config.json: model_type is not \"clip\": --clip wants a CLIP directory",
                           checkpoint->name);
    if (!status)
        status = fill_config(config, decoder, *plain, error);
    if (!status && (!(text = json_dumps(config, JSON_INDENT(2))) ||
                    !checkpoint_replace_text(checkpoint, "config.json", text) ||
                    (*plain && !checkpoint_replace_text(checkpoint, "preprocessor_config.json", NULL))))
        status = error_memory(error);
    free(text);
    json_decref(config);
    return status;
}

clipseg_status original_join(struct checkpoint *checkpoint, struct checkpoint *decoder, clipseg_error *error)
{
    bool plain = true;
    clipseg_status status = join_config(checkpoint, decoder, &plain, error);

    if (!status)
        status = rename_clip(checkpoint, plain, error);
    for (size_t i = 0; !status && i < decoder->tensor_count; i++)
        status = add_decoder_tensor(checkpoint, &decoder->tensors[i], error);
    if (!status && !checkpoint_take_over(checkpoint, decoder))
        status = error_memory(error);
    return status ? status : checkpoint_sort(checkpoint, error);
}
