/* open.c: what is this path? */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "checkpoint/files.h"
#include "checkpoint/gguf.h"
#include "checkpoint/kind.h"
#include "checkpoint/list.h"
#include "checkpoint/original.h"

static const char *const text_names[] = {"config.json", "preprocessor_config.json", "vocab.json",
                                         "merges.txt", "tokenizer.json"};

static clipseg_status read_texts(struct checkpoint *checkpoint, const struct file_source *source,
                                 clipseg_error *error)
{
    for (size_t i = 0; i < sizeof text_names / sizeof *text_names; i++) {
        const unsigned char *data;
        const char *file;
        size_t size;
        clipseg_status status;

        if (!file_source_has(source, text_names[i]))
            continue;
        status = file_source_read(source, checkpoint, text_names[i], &data, &size, &file, error);
        if (status)
            return status;
        if (!checkpoint_add_text(checkpoint, text_names[i], data, size))
            return error_memory(error);
    }
    return CLIPSEG_OK;
}

/* config.json first: a folder without it is no model, whatever else lies there. */
static clipseg_status read_folder(struct checkpoint *checkpoint, const struct file_source *source,
                                  clipseg_error *error)
{
    clipseg_status status = read_texts(checkpoint, source, error);

    if (!status && !checkpoint_text(checkpoint, "config.json"))
        status = error_set(error, CLIPSEG_ERROR_MODEL,
                           "%s: no config.json: want a Hugging Face model directory", checkpoint->name);
    return status ? status : huggingface_read(checkpoint, source, error);
}

/* Tensors without a configuration: what is missing depends on whose they are. */
static clipseg_status refuse_lone_weights(struct checkpoint *checkpoint, const char *path,
                                          const unsigned char *data, size_t size, clipseg_error *error)
{
    const char *name = checkpoint->name;
    clipseg_status status = weights_read(checkpoint, name, data, size, error);

    if (!status)
        status = checkpoint_sort(checkpoint, error);
    if (status)
        return status;
    if (original_is_decoder(checkpoint))
        return error_set(
            error, CLIPSEG_ERROR_MODEL,
            "%s: is an original CLIPSeg decoder: it needs the CLIP that it was trained on; add --clip DIR "
            "with a Hugging Face directory of CLIP ViT-B/16",
            path);
    return error_set(
        error, CLIPSEG_ERROR_MODEL,
        "%s: is a file of weights (%s) without configuration and vocabulary; name the folder that has it "
        "together with config.json, vocab.json and merges.txt",
        path, checkpoint->format);
}

static clipseg_status read_file(struct checkpoint *checkpoint, const char *path, clipseg_error *error)
{
    struct file_map map;
    clipseg_status status = file_map_open(&map, path, error);

    if (status)
        return status;
    if (!checkpoint_add_map(checkpoint, map)) {
        file_map_close(&map);
        return error_memory(error);
    }
    if (file_kind(map.data, map.size) == KIND_GGUF)
        return gguf_read(checkpoint, checkpoint->name, map.data, map.size, error);
    if (kind_has_weights(file_kind(map.data, map.size)))
        return refuse_lone_weights(checkpoint, path, map.data, map.size, error);
    return refuse_file(path, map.data, map.size, error);
}

static clipseg_status begin(struct checkpoint *checkpoint, const char *name, clipseg_error *error)
{
    *checkpoint = (struct checkpoint){0};
    checkpoint->name = checkpoint_keep_string(checkpoint, name, strlen(name));
    return checkpoint->name ? CLIPSEG_OK : error_memory(error);
}

static clipseg_status finish(struct checkpoint *checkpoint, clipseg_status status)
{
    if (status)
        checkpoint_close(checkpoint);
    return status;
}

clipseg_status checkpoint_open(struct checkpoint *checkpoint, const char *path, clipseg_error *error)
{
    struct stat info;
    clipseg_status status = begin(checkpoint, path, error);

    if (!status && stat(path, &info))
        status = error_set(error, CLIPSEG_ERROR_IO, "%s: cannot be opened: %s", path, strerror(errno));
    if (!status)
        status = S_ISDIR(info.st_mode)
                     ? read_folder(checkpoint, &(struct file_source){.directory = path}, error)
                     : read_file(checkpoint, path, error);
    return finish(checkpoint, status);
}

clipseg_status checkpoint_open_memory(struct checkpoint *checkpoint, const char *name,
                                      const clipseg_file *files, size_t count, clipseg_error *error)
{
    clipseg_status status = begin(checkpoint, name, error);

    if (!status && count == 1 && file_kind(files->data, files->size) == KIND_GGUF)
        status = gguf_read(checkpoint, checkpoint->name, files->data, files->size, error);
    else if (!status)
        status = read_folder(checkpoint, &(struct file_source){.files = files, .count = count}, error);
    return finish(checkpoint, status);
}

/* ---- original decoder files */

static clipseg_status read_decoder(struct checkpoint *decoder, const char *path, clipseg_error *error)
{
    struct file_map map;
    clipseg_status status = begin(decoder, path, error);

    if (status || (status = file_map_open(&map, path, error)) != CLIPSEG_OK)
        return status;
    if (!checkpoint_add_map(decoder, map)) {
        file_map_close(&map);
        return error_memory(error);
    }
    status = weights_read(decoder, decoder->name, map.data, map.size, error);
    if (!status)
        status = checkpoint_sort(decoder, error);
    if (!status && !original_is_decoder(decoder))
        status = error_set(error, CLIPSEG_ERROR_MODEL,
                           "%s: is no original CLIPSeg decoder (it has no film_mul.weight); leave --clip out",
                           path);
    return status;
}

clipseg_status checkpoint_open_original(struct checkpoint *checkpoint, const char *path, const char *clip,
                                        clipseg_error *error)
{
    struct checkpoint decoder;
    clipseg_status status = checkpoint_open(checkpoint, clip, error);

    if (status)
        return status;
    status = read_decoder(&decoder, path, error);
    if (!status)
        status = original_join(checkpoint, &decoder, error);
    if (!status) {
        checkpoint->name = checkpoint_keep_string(checkpoint, path, strlen(path));
        checkpoint->format = "original decoder with CLIP";
        status = checkpoint->name ? CLIPSEG_OK : error_memory(error);
    }
    checkpoint_close(&decoder);
    return finish(checkpoint, status);
}
