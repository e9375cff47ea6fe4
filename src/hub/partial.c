/* partial.c: the private file of a download and its sidecar. */
#include "hub/partial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

#define SAVE_EVERY ((size_t)32 << 20)
#define PIECE ((size_t)1 << 20)

static clipseg_status fail(const struct partial *partial, const char *what, clipseg_error *error)
{
    return error_set(error, CLIPSEG_ERROR_IO, "%s: cannot be %s: %s", partial->path, what, strerror(errno));
}

/* ---- digest */

static const char *algorithm(const struct remote_file *file)
{
    size_t length = strlen(file->etag);

    if (strspn(file->etag, "0123456789abcdef") != length)
        return NULL;
    return length == 64 ? "sha256" : length == 40 ? "sha1" : NULL;
}

/* git hashes "blob SIZE\0" before the content. */
static bool start_digest(struct partial *partial)
{
    const char *name = algorithm(partial->file);
    char head[32];

    if (partial->digest)
        partial->network->digest_free(partial->digest);
    partial->digest = name ? partial->network->digest_create(name) : NULL;
    if (!name || !partial->digest)
        return !name;
    int size = snprintf(head, sizeof head, "blob %zu", partial->file->size) + 1;
    return strcmp(name, "sha1") != 0 || partial->network->digest_add(partial->digest, head, (size_t)size);
}

static void read_digest(const struct partial *partial, char hex[65])
{
    *hex = 0;
    if (partial->digest && !partial->network->digest_read(partial->digest, hex))
        *hex = 0;
}

bool partial_is_right(const struct partial *partial)
{
    char hex[65];

    read_digest(partial, hex);
    return !partial->digest || !strcmp(hex, partial->file->etag);
}

/* ---- sidecar */

/* Written beside its place under a fixed name (the caller holds the lock), then renamed. */
static clipseg_status write_sidecar(const struct partial *partial, const struct buffer *text,
                                    clipseg_error *error)
{
    char path[4672];

    snprintf(path, sizeof path, "%s.new", partial->sidecar);
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool written = descriptor >= 0 && write(descriptor, text->data, text->size) == (ssize_t)text->size;
    if (descriptor >= 0)
        written = close(descriptor) == 0 && written;
    if (written && rename(path, partial->sidecar) == 0)
        return CLIPSEG_OK;
    clipseg_status status = fail(partial, "written", error);
    unlink(path);
    return status;
}

clipseg_status partial_save(struct partial *partial, clipseg_error *error)
{
    struct buffer text = {0};
    char hex[65];

    if (fdatasync(partial->descriptor))
        return fail(partial, "written", error);
    partial->synced = partial->length;
    read_digest(partial, hex);
    buffer_text(&text, "{\"url\": ");
    buffer_json_string(&text, partial->file->url);
    buffer_text(&text, ", \"etag\": ");
    buffer_json_string(&text, partial->file->etag);
    buffer_text(&text, ", \"validator\": ");
    buffer_json_string(&text, partial->validator);
    buffer_format(&text, ", \"size\": %zu, \"verified\": %zu, \"digest\": \"%s\"}\n", partial->file->size,
                  partial->length, hex);
    clipseg_status status = text.failed ? error_memory(error) : write_sidecar(partial, &text, error);
    buffer_free(&text);
    return status;
}

struct promise {
    size_t verified;
    char digest[65];
};

static bool equals(const json_t *root, const char *key, const char *want)
{
    const char *value = json_string_value(json_object_get(root, key));

    return value && !strcmp(value, want);
}

/* It becomes part of a header: nothing, or an etag in quotes. */
static bool is_validator(const char *text)
{
    size_t length = strlen(text), printable = 0;

    while (text[printable] >= ' ' && text[printable] <= '~')
        printable++;
    return !length || (length > 1 && length < sizeof((struct partial *)NULL)->validator &&
                       printable == length && text[0] == '"' && text[length - 1] == '"');
}

/* What the sidecar says, if it is about this very content. */
static bool read_sidecar(struct partial *partial, struct promise *promise)
{
    struct file_map map;
    json_t *root = NULL;
    size_t size = 0;
    bool mine = false;

    if (file_map_open(&map, partial->sidecar, NULL))
        return false;
    if (map.size < PIECE &&
        !json_parse(&root, map.data, map.size, partial->sidecar, CLIPSEG_ERROR_IO, NULL)) {
        const char *digest = json_string_value(json_object_get(root, "digest"));
        const char *validator = json_string_value(json_object_get(root, "validator"));
        mine = equals(root, "etag", partial->file->etag) && digest && validator && is_validator(validator) &&
               !json_read_size(root, "size", 0, partial->file->size, 0, &size, "", NULL) &&
               size == partial->file->size &&
               !json_read_size(root, "verified", 0, size, 0, &promise->verified, "", NULL);
        snprintf(promise->digest, sizeof promise->digest, "%s", digest ? digest : "");
        snprintf(partial->validator, sizeof partial->validator, "%s", validator ? validator : "");
    }
    json_decref(root);
    file_map_close(&map);
    return mine;
}

/* ---- opening */

/* Hash bytes [length, end) of the file, which grow `length`. */
static bool hash_again(struct partial *partial, size_t end, char *piece)
{
    while (partial->length < end) {
        size_t want = end - partial->length < PIECE ? end - partial->length : PIECE;
        ssize_t got = pread(partial->descriptor, piece, want, (off_t)partial->length);
        if (got <= 0 ||
            (partial->digest && !partial->network->digest_add(partial->digest, piece, (size_t)got)))
            return false;
        partial->length += (size_t)got;
    }
    return true;
}

/* The part that was safe on the disk must hash to what it did then; what came after it is believed until the
 * whole is hashed, and not at all where the etag is no digest. */
static bool resume(struct partial *partial, size_t size)
{
    struct promise promise = {0};
    char hex[65], *piece = malloc(PIECE);
    bool good = piece && read_sidecar(partial, &promise) && size >= promise.verified &&
                size <= partial->file->size && start_digest(partial) &&
                hash_again(partial, promise.verified, piece);

    if (good) {
        read_digest(partial, hex);
        good = !strcmp(hex, promise.digest);
    }
    if (good && partial->digest)
        good = hash_again(partial, size, piece);
    free(piece);
    partial->kept = partial->synced = partial->length;
    return good && ftruncate(partial->descriptor, (off_t)partial->length) == 0;
}

clipseg_status partial_restart(struct partial *partial, clipseg_error *error)
{
    partial->length = partial->kept = partial->synced = 0;
    *partial->validator = 0;
    if (!start_digest(partial))
        return error_memory(error);
    return ftruncate(partial->descriptor, 0) ? fail(partial, "written", error) : CLIPSEG_OK;
}

static int open_private(const char *path)
{
    int descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (descriptor < 0 && errno == EEXIST)
        descriptor = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    return descriptor;
}

clipseg_status partial_open(struct partial *partial, const struct network *network,
                            const struct remote_file *file, const char *blobs, clipseg_error *error)
{
    struct stat info;

    *partial = (struct partial){.network = network, .file = file, .descriptor = -1};
    int a = snprintf(partial->path, sizeof partial->path, "%s/%s.clipseg.incomplete", blobs, file->etag);
    int b = snprintf(partial->sidecar, sizeof partial->sidecar, "%s/%s.clipseg.json", blobs, file->etag);
    if (a < 0 || b < 0 || (size_t)a >= sizeof partial->path || (size_t)b >= sizeof partial->sidecar)
        return error_set(error, CLIPSEG_ERROR_IO, "%s: the path is too long", blobs);
    partial->descriptor = open_private(partial->path);
    if (partial->descriptor < 0 || fstat(partial->descriptor, &info))
        return fail(partial, "opened", error);
    if (!S_ISREG(info.st_mode))
        return error_set(error, CLIPSEG_ERROR_IO, "%s: is no file", partial->path);
    return resume(partial, (size_t)info.st_size) ? CLIPSEG_OK : partial_restart(partial, error);
}

/* ---- growing and finishing */

clipseg_status partial_add(struct partial *partial, const void *data, size_t size, clipseg_error *error)
{
    const char *from = data;

    if (partial->digest && !partial->network->digest_add(partial->digest, data, size))
        return error_memory(error);
    for (size_t left = size; left;) {
        ssize_t written = pwrite(partial->descriptor, from, left, (off_t)partial->length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return fail(partial, "written", error);
        partial->length += (size_t)written;
        from += written;
        left -= (size_t)written;
    }
    return partial->length - partial->synced >= SAVE_EVERY ? partial_save(partial, error) : CLIPSEG_OK;
}

/* As readable as other files of this user. */
static mode_t usual_mode(void)
{
    mode_t mask = umask(022);

    umask(mask);
    return 0666 & ~mask;
}

clipseg_status partial_finish(struct partial *partial, const char *blob, clipseg_error *error)
{
    if (fchmod(partial->descriptor, usual_mode()) || fsync(partial->descriptor) ||
        rename(partial->path, blob) || !file_sync_folder(blob))
        return fail(partial, "put in place", error);
    unlink(partial->sidecar);
    return CLIPSEG_OK;
}

void partial_close(struct partial *partial)
{
    if (partial->descriptor >= 0)
        close(partial->descriptor);
    if (partial->digest)
        partial->network->digest_free(partial->digest);
    partial->descriptor = -1;
    partial->digest = NULL;
}

void partial_remove(struct partial *partial)
{
    unlink(partial->path);
    unlink(partial->sidecar);
    partial_close(partial);
}

void partial_sweep(const char *blobs, const char *etag)
{
    static const char *const suffixes[] = {"incomplete", "json", "json.new"};
    char path[4672];

    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        snprintf(path, sizeof path, "%s/%s.clipseg.%s", blobs, etag, suffixes[i]);
        unlink(path);
    }
}
