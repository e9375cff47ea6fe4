/* config.c: config.json of CLIPSeg and CLIP checkpoints (CLIPSegConfig, CLIPConfig). */
#include "model/config.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"

#define WIDEST 16384
#define LARGEST_NUMBER ((size_t)1 << 30)

/* Where reading stands: the first error stays, later reads do nothing. */
struct reader {
    const char *name; /* DIR/config.json: section */
    const json_t *object;
    clipseg_status status;
    clipseg_error *error;
};

static size_t read_size(struct reader *r, const char *key, size_t minimum, size_t maximum, size_t missing)
{
    size_t value = missing;

    if (!r->status)
        r->status = json_read_size(r->object, key, minimum, maximum, missing, &value, r->name, r->error);
    return value;
}

static void read_activation(struct reader *r, enum activation *activation)
{
    const json_t *member = json_object_get(r->object, "hidden_act");
    const char *name = member ? json_string_value(member) : "quick_gelu";

    if (r->status)
        return;
    if (name && !strcmp(name, "quick_gelu"))
        *activation = ACTIVATION_QUICK_GELU;
    else if (name && !strcmp(name, "gelu"))
        *activation = ACTIVATION_GELU;
    else if (name && !strcmp(name, "relu"))
        *activation = ACTIVATION_RELU;
    else
        r->status = error_set(r->error, CLIPSEG_ERROR_MODEL,
                              "%s: hidden_act: \"%.40s\": want quick_gelu, gelu or relu", r->name,
                              name ? name : "not a string");
}

static void read_tower(struct reader *r, struct tower_config *tower, const struct tower_config *missing)
{
    double epsilon = 1e-5;

    tower->hidden = read_size(r, "hidden_size", 1, WIDEST, missing->hidden);
    tower->heads = read_size(r, "num_attention_heads", 1, 1024, missing->heads);
    tower->layers = read_size(r, "num_hidden_layers", 1, 1024, missing->layers);
    tower->intermediate = read_size(r, "intermediate_size", 1, 4 * WIDEST, missing->intermediate);
    read_activation(r, &tower->activation);
    if (!r->status)
        r->status = json_read_number(r->object, "layer_norm_eps", 1e-5, &epsilon, r->name, r->error);
    tower->epsilon = (float)epsilon;
    if (!r->status && tower->hidden % tower->heads)
        r->status = error_set(r->error, CLIPSEG_ERROR_MODEL,
                              "%s: hidden_size %zu is no multiple of "
                              "num_attention_heads %zu",
                              r->name, tower->hidden, tower->heads);
    if (!r->status && epsilon <= 0.0)
        r->status = error_set(r->error, CLIPSEG_ERROR_MODEL, "%s: layer_norm_eps: want more than 0", r->name);
}

/* text_config and vision_config may be missing: transformers' defaults then hold. */
static struct reader section(const struct reader *whole, const char *key, json_t *nothing)
{
    const json_t *object = json_object_get(whole->object, key);
    struct reader r = {whole->name, object ? object : nothing, whole->status, whole->error};

    if (!r.status && !json_is_object(r.object))
        r.status = error_set(r.error, CLIPSEG_ERROR_MODEL, "%s: %s: want an object", r.name, key);
    return r;
}

static void read_text(struct reader *r, struct config *config)
{
    static const struct tower_config missing = {
        .hidden = 512, .heads = 8, .layers = 12, .intermediate = 2048};

    read_tower(r, &config->text, &missing);
    config->vocabulary = read_size(r, "vocab_size", 2, LARGEST_NUMBER, 49408);
    config->context = read_size(r, "max_position_embeddings", 3, 65536, 77);
    config->end_token = (int32_t)read_size(r, "eos_token_id", 0, LARGEST_NUMBER, 49407);
}

static void read_vision(struct reader *r, struct config *config)
{
    static const struct tower_config missing = {
        .hidden = 768, .heads = 12, .layers = 12, .intermediate = 3072};

    read_tower(r, &config->vision, &missing);
    config->patch = read_size(r, "patch_size", 1, 1024, 32);
    config->image_size = read_size(r, "image_size", 1, WIDEST, 224);
    if (!r->status && read_size(r, "num_channels", 3, 3, 3) != 3)
        r->status = CLIPSEG_ERROR_MODEL;
    if (!r->status && config->image_size < config->patch)
        r->status =
            error_set(r->error, CLIPSEG_ERROR_MODEL, "%s: image_size %zu is smaller than patch_size %zu",
                      r->name, config->image_size, config->patch);
}

static void read_extract_layers(struct reader *r, struct config *config)
{
    static const size_t missing[] = {3, 6, 9};
    const json_t *list = json_object_get(r->object, "extract_layers");

    if (r->status)
        return;
    config->extract_count = list ? json_array_size(list) : 3;
    memcpy(config->extract, missing, sizeof missing);
    if ((list && !json_is_array(list)) || !config->extract_count ||
        config->extract_count > CONFIG_MAX_EXTRACT) {
        r->status =
            error_set(r->error, CLIPSEG_ERROR_MODEL, "%s: extract_layers: want a list of 1 to %d layers",
                      r->name, CONFIG_MAX_EXTRACT);
        return;
    }
    for (size_t i = 0; i < config->extract_count; i++) {
        const json_t *number = list ? json_array_get(list, i) : NULL;
        json_int_t layer = number ? json_integer_value(number) : (json_int_t)missing[i];
        if ((number && !json_is_integer(number)) || layer < 0 || (size_t)layer >= config->vision.layers) {
            r->status =
                error_set(r->error, CLIPSEG_ERROR_MODEL, "%s: extract_layers: want numbers from 0 to %zu",
                          r->name, config->vision.layers - 1);
            return;
        }
        config->extract[i] = (size_t)layer;
    }
}

static void read_decoder(struct reader *r, struct config *config)
{
    read_extract_layers(r, config);
    config->decoder = (struct tower_config){
        .hidden = read_size(r, "reduce_dim", 1, WIDEST, 64),
        .heads = read_size(r, "decoder_num_attention_heads", 1, 1024, 4),
        .layers = config->extract_count,
        .intermediate = read_size(r, "decoder_intermediate_size", 1, 4 * WIDEST, 2048),
        .activation = ACTIVATION_RELU, /* whatever decoder_hidden_act says: the reference overrides it */
        .epsilon =
            config->vision.epsilon, /* the reference builds the decoder from the vision configuration */
    };
    config->conditional_layer = read_size(r, "conditional_layer", 0, CONFIG_MAX_EXTRACT, 0);
    if (!r->status)
        r->status = json_read_bool(r->object, "use_complex_transposed_convolution", false,
                                   &config->complex_head, r->name, r->error);
    if (!r->status && config->decoder.hidden % config->decoder.heads)
        r->status = error_set(r->error, CLIPSEG_ERROR_MODEL,
                              "%s: reduce_dim %zu is no multiple of "
                              "decoder_num_attention_heads %zu",
                              r->name, config->decoder.hidden, config->decoder.heads);
    if (!r->status && config->complex_head && (config->patch < 4 || config->decoder.hidden < 2))
        r->status = error_set(r->error, CLIPSEG_ERROR_MODEL,
                              "%s: use_complex_transposed_convolution: needs a "
                              "patch_size of at least 4 and a reduce_dim of at least "
                              "2",
                              r->name);
}

static void read_kind(struct reader *r, struct config *config)
{
    const char *type = json_string_value(json_object_get(r->object, "model_type"));

    config->has_decoder = type && !strcmp(type, "clipseg");
    if (!config->has_decoder && (!type || strcmp(type, "clip") != 0))
        r->status = error_set(r->error, CLIPSEG_ERROR_MODEL,
                              "%s: model_type: \"%.60s\": want \"clipseg\" or \"clip\"", r->name,
                              type ? type : "missing");
}

clipseg_status config_read(struct config *config, const struct checkpoint *checkpoint, clipseg_error *error)
{
    const clipseg_file *file = checkpoint_text(checkpoint, "config.json");
    json_t *root = NULL, *nothing = json_object();
    char name[1100];

    snprintf(name, sizeof name, "%.1000s: config.json", checkpoint->name);
    *config = (struct config){0};
    struct reader whole = {name, NULL, nothing ? CLIPSEG_OK : error_memory(error), error};
    if (!whole.status)
        whole.status = json_parse_limited(&root, file->data, file->size, JSON_LARGEST_CONFIG, name,
                                          CLIPSEG_ERROR_MODEL, error);
    whole.object = root;
    if (!whole.status && !json_is_object(root))
        whole.status = error_set(error, CLIPSEG_ERROR_MODEL, "%s: want an object", name);
    if (!whole.status)
        read_kind(&whole, config);
    struct reader text = section(&whole, "text_config", nothing);
    read_text(&text, config);
    whole.status = text.status;
    struct reader vision = section(&whole, "vision_config", nothing);
    read_vision(&vision, config);
    whole.status = vision.status;
    config->projection = read_size(&whole, "projection_dim", 1, WIDEST, 512);
    if (!whole.status && config->has_decoder)
        read_decoder(&whole, config);
    json_decref(nothing);
    json_decref(root);
    return whole.status;
}
