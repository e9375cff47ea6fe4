/* kind.c: tells files of weights from each other and from what people have in their place. */
#include "checkpoint/kind.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/torch.h"

#define LONGEST_HEADER 100000000u /* as the safetensors library has it */

static bool begins(const unsigned char *data, size_t size, const char *text)
{
    size_t length = strlen(text);

    return size >= length && !memcmp(data, text, length);
}

/* safetensors has no magic number: a length that may be one, or a brace at its place. */
static bool like_safetensors(const unsigned char *data, size_t size)
{
    uint64_t length = 0;

    for (size_t i = 8; size >= 8 && i-- > 0;)
        length = length << 8 | data[i];
    return (size > 8 && data[8] == '{') || (length && length <= LONGEST_HEADER);
}

enum file_kind file_kind(const unsigned char *data, size_t size)
{
    if (begins(data, size, "GGUF"))
        return KIND_GGUF;
    if (begins(data, size, "PK\3\4") || begins(data, size, "PK\5\6"))
        return KIND_ZIP;
    if (torch_is_legacy(data, size))
        return KIND_TORCH_LEGACY;
    return like_safetensors(data, size) ? KIND_SAFETENSORS : KIND_OTHER;
}

bool kind_has_weights(enum file_kind kind)
{
    return kind == KIND_SAFETENSORS || kind == KIND_ZIP || kind == KIND_TORCH_LEGACY;
}

/* A page or feed: the first thing that is no white space is '<', followed by a letter or '!' or '?'. */
static bool is_markup(const unsigned char *data, size_t size)
{
    size_t i = begins(data, size, "\xef\xbb\xbf") ? 3 : 0;

    while (i < size && (data[i] == ' ' || (data[i] >= '\t' && data[i] <= '\r')))
        i++;
    return i + 1 < size && data[i] == '<' &&
           (data[i + 1] == '!' || data[i + 1] == '?' || (data[i + 1] | 32) == 'h');
}

static bool is_tar(const unsigned char *data, size_t size)
{
    return size > 262 && !memcmp(data + 257, "ustar", 5);
}

/* What begins with these bytes is known by name. */
static const char *find_sentence(const unsigned char *data, size_t size)
{
    if (!size)
        return "is empty; get it again";
    if (begins(data, size, "version https://git-lfs"))
        return "is a Git LFS pointer, not the file that it points to; run `git lfs pull`, or download the "
               "file itself";
    if (is_markup(data, size))
        return "is an HTML page, probably an error message of the server that was saved under this name; "
               "download the file again";
    if (is_tar(data, size))
        return "is a tar archive: unpack it, or if it is a model of torch 0.1, save it with a newer torch";
    if (begins(data, size, "\x1f\x8b") ||
        begins(data, size,
               "\xfd"
               "7zXZ") ||
        begins(data, size, "\x28\xb5\x2f\xfd"))
        return "is compressed; unpack it first";
    if (begins(data, size, "\x89HDF"))
        return "is an HDF5 file (Keras, TensorFlow): want the PyTorch or safetensors weights of the model";
    if (data[0] == 0x80 && size > 1 && data[1] <= 5)
        return "is a Python pickle, but not one that torch.save wrote; nothing in it was run. Save the "
               "model's "
               "state_dict() with safetensors";
    if (data[0] == '{' || data[0] == '[')
        return "is a JSON text, not a file of weights";
    return NULL;
}

clipseg_status refuse_file(const char *file, const unsigned char *data, size_t size, clipseg_error *error)
{
    const char *sentence = find_sentence(data, size);
    char bytes[4 * 4 + 1] = "";

    if (sentence)
        return error_set(error, CLIPSEG_ERROR_MODEL, "%s: %s", file, sentence);
    for (size_t i = 0; i < 4 && i < size; i++)
        snprintf(bytes + 3 * i, sizeof bytes - 3 * i, " %02x", data[i]);
    return error_set(error, CLIPSEG_ERROR_MODEL,
                     "%s: begins with the bytes%s: neither safetensors nor GGUF nor a torch file", file,
                     bytes);
}

clipseg_status weights_read(struct checkpoint *checkpoint, const char *file, const unsigned char *data,
                            size_t size, clipseg_error *error)
{
    switch (file_kind(data, size)) {
    case KIND_SAFETENSORS:
        checkpoint->format = "safetensors";
        return safetensors_read(checkpoint, file, data, size, error);
    case KIND_ZIP:
        checkpoint->format = "torch zip";
        return torch_zip_read(checkpoint, file, data, size, error);
    case KIND_TORCH_LEGACY:
        checkpoint->format = "torch legacy";
        return torch_legacy_read(checkpoint, file, data, size, error);
    case KIND_GGUF:
        return error_set(error, CLIPSEG_ERROR_MODEL,
                         "%s: is a whole model in one file (GGUF): name it itself, not its folder", file);
    default:
        return refuse_file(file, data, size, error);
    }
}
