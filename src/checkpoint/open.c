/* open.c: what is this path? */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "checkpoint/files.h"
#include "checkpoint/list.h"

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
static clipseg_status read_all(struct checkpoint *checkpoint, const struct file_source *source,
                               clipseg_error *error)
{
    clipseg_status status = read_texts(checkpoint, source, error);

    if (!status && !checkpoint_text(checkpoint, "config.json"))
        status = error_set(error, CLIPSEG_ERROR_MODEL,
                           "%s: no config.json: want a Hugging Face model directory", checkpoint->name);
    if (!status)
        status = huggingface_read(checkpoint, source, error);
    if (status)
        checkpoint_close(checkpoint);
    return status;
}

static clipseg_status open_source(struct checkpoint *checkpoint, const char *name,
                                  const struct file_source *source, clipseg_error *error)
{
    *checkpoint = (struct checkpoint){0};
    checkpoint->name = checkpoint_keep_string(checkpoint, name, strlen(name));
    if (!checkpoint->name) {
        checkpoint_close(checkpoint);
        return error_memory(error);
    }
    return read_all(checkpoint, source, error);
}

clipseg_status checkpoint_open(struct checkpoint *checkpoint, const char *path, clipseg_error *error)
{
    struct stat info;

    *checkpoint = (struct checkpoint){0};
    if (stat(path, &info))
        return error_set(error, CLIPSEG_ERROR_IO, "%s: cannot be opened: %s", path, strerror(errno));
    if (!S_ISDIR(info.st_mode))
        return error_set(error, CLIPSEG_ERROR_MODEL,
                         "%s: is no model directory; name the folder with config.json and "
                         "model.safetensors",
                         path);
    return open_source(checkpoint, path, &(struct file_source){.directory = path}, error);
}

clipseg_status checkpoint_open_memory(struct checkpoint *checkpoint, const char *name,
                                      const clipseg_file *files, size_t count, clipseg_error *error)
{
    return open_source(checkpoint, name, &(struct file_source){.files = files, .count = count}, error);
}
