/* config.h: what config.json and preprocessor_config.json say, checked. */
#ifndef MODEL_CONFIG_H
#define MODEL_CONFIG_H

#include <stdbool.h>

#include "checkpoint/checkpoint.h"
#include "clipseg.h"
#include "image/image.h"

enum activation { ACTIVATION_QUICK_GELU, ACTIVATION_GELU, ACTIVATION_RELU };

#define CONFIG_MAX_EXTRACT 16

struct tower_config {
    size_t hidden, heads, layers, intermediate;
    enum activation activation;
    float epsilon; /* layer_norm_eps */
};

struct config {
    bool has_decoder;                          /* model_type clipseg; false: plain clip */
    struct tower_config text, vision, decoder; /* decoder: hidden = reduce_dim, layers = extract_count */
    size_t vocabulary, context;                /* text: vocab_size, max_position_embeddings */
    int32_t end_token;        /* eos_token_id as configured; 2: pool at the largest id (old files) */
    size_t patch, image_size; /* vision: patch_size, image_size (for the position table only) */
    size_t projection;
    size_t extract[CONFIG_MAX_EXTRACT]; /* vision layers whose output the decoder reads, as configured
                                           (shallow first) */
    size_t extract_count;
    size_t conditional_layer; /* decoder step before which FiLM is applied */
    bool complex_head;        /* use_complex_transposed_convolution */
};

/* What happens to a picture before the vision tower. */
struct preprocess {
    bool do_resize, do_center_crop, do_rescale, do_normalize;
    size_t width, height;           /* resize to exactly this (0 when shortest_edge rules) */
    size_t shortest_edge;           /* CLIP: resize the shorter side to this ... */
    size_t crop_width, crop_height; /* ... then cut out the centre */
    enum image_filter filter;
    float rescale;
    float mean[3], deviation[3];
};

/* Both read the checkpoint's texts; every number is checked for range and consistency (heads divide hidden,
 * ...). Defaults are those of transformers' CLIPSegConfig / CLIPConfig. Errors: MODEL, MEMORY. */
clipseg_status config_read(struct config *config, const struct checkpoint *checkpoint, clipseg_error *error);
clipseg_status preprocess_read(struct preprocess *preprocess, const struct checkpoint *checkpoint,
                               clipseg_error *error);

#endif
