/* huggingface.c: the weights of a Hugging Face directory, whole or in shards. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "checkpoint/files.h"
#include "checkpoint/kind.h"
#include "checkpoint/list.h"

/* Whole files and indices of shards, best first; what a file holds is judged by its content. */
static const struct {
    const char *name;
    bool index;
} candidates[] = {{"model.safetensors", false},
                  {"model.safetensors.index.json", true},
                  {"pytorch_model.bin", false},
                  {"pytorch_model.bin.index.json", true}};

static clipseg_status read_file(struct checkpoint *checkpoint, const struct file_source *source,
                                const char *name, clipseg_error *error)
{
    const unsigned char *data;
    const char *file;
    size_t size;
    clipseg_status status = file_source_read(source, checkpoint, name, &data, &size, &file, error);

    return status ? status : weights_read(checkpoint, file, data, size, error);
}

/* A shard's name stays inside the directory. */
static bool plain_name(const char *name)
{
    return name && *name && *name != '.' && !strchr(name, '/') && strlen(name) < 256;
}

/* Has a file of this name been read? Tensors remember theirs with the directory in front. */
static bool is_read(const struct checkpoint *checkpoint, const char *name)
{
    for (size_t i = 0; i < checkpoint->tensor_count; i++) {
        const char *slash = strrchr(checkpoint->tensors[i].file, '/');
        if (slash && !strcmp(slash + 1, name))
            return true;
    }
    return false;
}

static clipseg_status read_shards(struct checkpoint *checkpoint, const struct file_source *source,
                                  json_t *weight_map, const char *index, clipseg_error *error)
{
    const char *tensor;
    json_t *shard;

    json_object_foreach(weight_map, tensor, shard)
    {
        const char *name = json_string_value(shard);
        clipseg_status status;

        if (!plain_name(name))
            return error_set(error, CLIPSEG_ERROR_MODEL,
                             "%s: weight_map: \"%.100s\": want the name of a file beside "
                             "the index",
                             index, tensor);
        if (!is_read(checkpoint, name) && (status = read_file(checkpoint, source, name, error)) != CLIPSEG_OK)
            return status;
    }
    return checkpoint_sort(checkpoint, error);
}

/* Every tensor lies in the shard that the index says. */
static clipseg_status check_index(const struct checkpoint *checkpoint, json_t *weight_map, const char *index,
                                  clipseg_error *error)
{
    const char *name;
    json_t *shard;

    json_object_foreach(weight_map, name, shard)
    {
        const struct tensor *tensor = checkpoint_find(checkpoint, name);
        const char *slash = tensor ? strrchr(tensor->file, '/') : NULL;

        if (!slash || strcmp(slash + 1, json_string_value(shard)) != 0)
            return error_set(error, CLIPSEG_ERROR_MODEL, "%s: weight_map: \"%.100s\" is not in %s", index,
                             name, json_string_value(shard));
    }
    if (checkpoint->tensor_count != json_object_size(weight_map))
        return error_set(error, CLIPSEG_ERROR_MODEL, "%s: weight_map names %zu tensors, the shards hold %zu",
                         index, json_object_size(weight_map), checkpoint->tensor_count);
    return CLIPSEG_OK;
}

static clipseg_status read_sharded(struct checkpoint *checkpoint, const struct file_source *source,
                                   const char *index, clipseg_error *error)
{
    const unsigned char *data;
    const char *file;
    size_t size;
    json_t *root = NULL, *weight_map;
    clipseg_status status = file_source_read(source, checkpoint, index, &data, &size, &file, error);

    if (status || (status = json_parse_limited(&root, data, size, JSON_LARGEST_CONFIG, file,
                                               CLIPSEG_ERROR_MODEL, error)) != CLIPSEG_OK)
        return status;
    weight_map = json_object_get(root, "weight_map");
    if (!json_is_object(weight_map) || !json_object_size(weight_map))
        status = error_set(error, CLIPSEG_ERROR_MODEL, "%s: no weight_map", file);
    if (!status)
        status = read_shards(checkpoint, source, weight_map, file, error);
    if (!status)
        status = check_index(checkpoint, weight_map, file, error);
    json_decref(root);
    return status;
}

/* "safetensors" becomes "safetensors, sharded". */
static clipseg_status note_shards(struct checkpoint *checkpoint, clipseg_error *error)
{
    char format[64];
    int length = snprintf(format, sizeof format, "%s, sharded", checkpoint->format);

    checkpoint->format = checkpoint_keep_string(checkpoint, format, (size_t)length);
    return checkpoint->format ? CLIPSEG_OK : error_memory(error);
}

clipseg_status huggingface_read(struct checkpoint *checkpoint, const struct file_source *source,
                                clipseg_error *error)
{
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++) {
        clipseg_status status;

        if (!file_source_has(source, candidates[i].name))
            continue;
        if (candidates[i].index) {
            status = read_sharded(checkpoint, source, candidates[i].name, error);
            return status ? status : note_shards(checkpoint, error);
        }
        status = read_file(checkpoint, source, candidates[i].name, error);
        return status ? status : checkpoint_sort(checkpoint, error);
    }
    return error_set(error, CLIPSEG_ERROR_MODEL,
                     "%s: no weights: want model.safetensors or pytorch_model.bin (or their .index.json)",
                     checkpoint->name);
}
