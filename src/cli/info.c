/* info.c: `clipseg info`: what a model file holds. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/checked.h"
#include "base/error.h"
#include "cli/command.h"
#include "cli/demo.h"
#include "cli/published.h"
#include "model/config.h"

struct facts {
    struct checkpoint checkpoint;
    struct config config;
    struct preprocess preprocess;
    size_t parameters, bytes;
};

static clipseg_status read_facts(struct facts *facts, const char *name, const char *clip,
                                 clipseg_error *error)
{
    char path[4096];
    clipseg_status status;

    if (!strcmp(name, "demo") && demo_file_count)
        status = checkpoint_open_memory(&facts->checkpoint, name, demo_files, demo_file_count, error);
    else if ((status = model_resolve(name, path, sizeof path, error)) == CLIPSEG_OK)
        status = clip ? checkpoint_open_original(&facts->checkpoint, path, clip, error)
                      : checkpoint_open(&facts->checkpoint, path, error);
    if (status || (status = config_read(&facts->config, &facts->checkpoint, error)) != CLIPSEG_OK ||
        (status = preprocess_read(&facts->preprocess, &facts->checkpoint, error)) != CLIPSEG_OK)
        return status;
    for (size_t i = 0; i < facts->checkpoint.tensor_count; i++) {
        const struct tensor *tensor = &facts->checkpoint.tensors[i];
        facts->parameters += tensor->count;
        facts->bytes += tensor->count * tensor_type_size(tensor->type);
    }
    return CLIPSEG_OK;
}

static void print_tower(const char *name, const struct tower_config *tower)
{
    printf("%-14s %zu layers, %zu wide, %zu heads, MLP %zu\n", name, tower->layers, tower->hidden,
           tower->heads, tower->intermediate);
}

static void print_shape(struct buffer *text, const struct tensor *tensor)
{
    buffer_text(text, "[");
    for (size_t i = 0; i < tensor->rank; i++)
        buffer_format(text, "%s%zu", i ? ", " : "", tensor->shape[i]);
    buffer_text(text, "]");
}

static const char *head_name(const struct config *config)
{
    return config->complex_head ? "3x3 convolution and two transposed convolutions (refined)"
                                : "one transposed convolution";
}

static void print_text(const struct facts *f, bool tensors, bool verified)
{
    const struct config *c = &f->config;

    printf("%-14s %s\n", "model", f->checkpoint.name);
    printf("%-14s %s\n", "kind", c->has_decoder ? "CLIPSeg" : "CLIP, without a decoder: cannot segment");
    printf("%-14s %s\n", "format", f->checkpoint.format);
    printf("%-14s %zu in %zu tensors, %.1f MB\n", "parameters", f->parameters, f->checkpoint.tensor_count,
           (double)f->bytes / 1e6);
    printf("%-14s %zu x %zu pixels, patches of %zu\n", "input",
           f->preprocess.width ? f->preprocess.width : f->preprocess.crop_width,
           f->preprocess.height ? f->preprocess.height : f->preprocess.crop_height, c->patch);
    print_tower("image tower", &c->vision);
    print_tower("text tower", &c->text);
    printf("%-14s %zu tokens, %zu in the vocabulary\n", "text", c->context, c->vocabulary);
    printf("%-14s %zu\n", "embedding", c->projection);
    if (c->has_decoder) {
        print_tower("decoder", &c->decoder);
        printf("%-14s", "reads layers");
        for (size_t i = 0; i < c->extract_count; i++)
            printf("%s %zu", i ? "," : "", c->extract[i]);
        printf("\n%-14s %s\n", "head", head_name(c));
    }
    if (verified)
        printf("%-14s every tensor has the shape that the configuration wants; no NaN, no infinity\n",
               "verified");
    for (size_t i = 0; tensors && i < f->checkpoint.tensor_count; i++) {
        struct buffer shape = {0};
        print_shape(&shape, &f->checkpoint.tensors[i]);
        printf("%-5s %-20s %s\n", tensor_type_name(f->checkpoint.tensors[i].type),
               shape.data ? shape.data : "", f->checkpoint.tensors[i].name);
        buffer_free(&shape);
    }
}

static void json_tower(struct buffer *text, const char *name, const struct tower_config *tower)
{
    buffer_format(text, ", \"%s\": {\"layers\": %zu, \"hidden\": %zu, \"heads\": %zu, \"intermediate\": %zu}",
                  name, tower->layers, tower->hidden, tower->heads, tower->intermediate);
}

static void json_facts(struct buffer *text, const struct facts *f)
{
    const struct config *c = &f->config;

    buffer_text(text, "{\"model\": ");
    buffer_json_string(text, f->checkpoint.name);
    buffer_format(text, ", \"kind\": \"%s\", \"format\": \"%s\", \"parameters\": %zu, \"bytes\": %zu",
                  c->has_decoder ? "clipseg" : "clip", f->checkpoint.format, f->parameters, f->bytes);
    buffer_format(text,
                  ", \"input_size\": %zu, \"patch_size\": %zu, \"embedding_size\": %zu, \"context\": %zu, "
                  "\"vocabulary\": %zu",
                  f->preprocess.width ? f->preprocess.width : f->preprocess.crop_width, c->patch,
                  c->projection, c->context, c->vocabulary);
    json_tower(text, "vision", &c->vision);
    json_tower(text, "text", &c->text);
    if (c->has_decoder) {
        json_tower(text, "decoder", &c->decoder);
        buffer_text(text, ", \"extract_layers\": [");
        for (size_t i = 0; i < c->extract_count; i++)
            buffer_format(text, "%s%zu", i ? ", " : "", c->extract[i]);
        buffer_format(text, "], \"complex_head\": %s", c->complex_head ? "true" : "false");
    }
    buffer_text(text, ", \"tensors\": [");
    for (size_t i = 0; i < f->checkpoint.tensor_count; i++) {
        const struct tensor *tensor = &f->checkpoint.tensors[i];
        buffer_text(text, i ? ", {\"name\": " : "{\"name\": ");
        buffer_json_string(text, tensor->name);
        buffer_format(text, ", \"type\": \"%s\", \"shape\": ", tensor_type_name(tensor->type));
        print_shape(text, tensor);
        buffer_text(text, "}");
    }
    buffer_text(text, "]}\n");
}

static clipseg_status print_json(const struct facts *facts, clipseg_error *error)
{
    struct buffer text = {0};
    clipseg_status status = CLIPSEG_OK;

    json_facts(&text, facts);
    if (text.failed)
        status = error_memory(error);
    else
        fwrite(text.data, 1, text.size, stdout);
    buffer_free(&text);
    return status;
}

/* Packing looks at every weight; a packed file is opened without, so it is done here. */
static clipseg_status scan(const struct checkpoint *checkpoint, clipseg_error *error)
{
    float values[4096];

    for (size_t i = 0; checkpoint->layout && i < checkpoint->tensor_count; i++) {
        const struct tensor *tensor = &checkpoint->tensors[i];
        for (size_t first = 0; tensor_is_float(tensor) && first < tensor->count; first += 4096) {
            size_t count = size_min(4096, tensor->count - first);
            bool good = true;
            tensor_read_f32(tensor, first, count, values);
            for (size_t k = 0; k < count; k++)
                good = good && isfinite(values[k]);
            if (!good)
                return error_set(error, CLIPSEG_ERROR_MODEL,
                                 "%s: tensor %s: holds NaN or infinity; convert the model again",
                                 tensor->file, tensor->name);
        }
    }
    return CLIPSEG_OK;
}

/* With --verify the model is also opened as for use: every tensor against the configuration, every weight a
 * number. */
static clipseg_status verify(const struct checkpoint *checkpoint, const char *name, const char *clip,
                             const char *picture, bool quiet, clipseg_error *error)
{
    struct model_choice choice = {.model = name, .clip = clip, .quiet = true};
    clipseg_model *model = NULL;
    clipseg_status status = scan(checkpoint, error);

    if (!status)
        status = model_choose(&model, &choice, error);
    if (!status && picture)
        status = published_check(model, picture, quiet, error);
    clipseg_model_close(&model);
    return status;
}

static int run(int count, char **arguments)
{
    bool json = false, tensors = false, check = false, quiet = false;
    const char *name = NULL, *clip = NULL, *picture = NULL;
    struct facts facts = {0};
    clipseg_error error;
    const struct option options[] = {
        {'m', "model", "MODEL", "another way to name the model", OPTION_TEXT, &name, NULL},
        {0, "clip", "DIR", "as in segment", OPTION_TEXT, &clip, NULL},
        {0, "tensors", NULL, "list every tensor", OPTION_FLAG, &tensors, NULL},
        {0, "verify", NULL, "also check every tensor's shape and look for NaN and infinities", OPTION_FLAG,
         &check, NULL},
        {0, "picture", "FILE",
         "with --verify: COCO's 000000039769.jpg, to compare with what is published for "
         "CIDAS/clipseg-rd64-refined",
         OPTION_TEXT, &picture, NULL},
        {0, "json", NULL, "print one JSON object", OPTION_FLAG, &json, NULL},
        {'q', "quiet", NULL, "accepted for uniformity", OPTION_FLAG, &quiet, NULL},
        {0}};
    const struct usage usage = {
        &command_info, "[options] MODEL",
        "Print what a model holds: its kind, sizes and tensors. Only headers are read.", options};
    clipseg_status status = options_parse(&usage, &count, arguments, &error);

    if (!status && count > 2)
        status = error_set(&error, CLIPSEG_ERROR_USAGE, "info: want one model, found %d", count - 1);
    if (!status && picture && !check)
        status = error_set(&error, CLIPSEG_ERROR_USAGE, "--picture: belongs to --verify");
    if (!status && !name)
        name = count == 2 ? arguments[1] : getenv("CLIPSEG_MODEL") ? getenv("CLIPSEG_MODEL") : "demo";
    if (!status)
        status = read_facts(&facts, name, clip, &error);
    if (!status && check)
        status = verify(&facts.checkpoint, name, clip, picture, quiet, &error);
    if (!status && json)
        status = print_json(&facts, &error);
    else if (!status)
        print_text(&facts, tensors, check);
    if (!status)
        status = stdout_flush(&error);
    checkpoint_close(&facts.checkpoint);
    return status ? fail(&error) : 0;
}

const struct subcommand command_info = {"info", "what a model holds", run};
