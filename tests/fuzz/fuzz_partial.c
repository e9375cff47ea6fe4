/* fuzz_partial.c: the sidecar of a download that was cut off, with any content, beside 64 bytes of the file.
 * Whatever it says, the download goes on from bytes that are there, and from none when it is not about this
 * file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "hub/partial.h"
#include "tests/fuzz/fuzz.h"

#define ETAG "0123456789abcdef0123456789abcdef01234567"
#define SIZE 100
#define THERE 64

/* ---- a digest that needs no module */

static void *digest_create(const char *algorithm)
{
    uint64_t *hash = malloc(sizeof *hash);

    (void)algorithm;
    if (hash)
        *hash = HASH_START;
    return hash;
}

static bool digest_add(void *digest, const void *data, size_t size)
{
    uint64_t *hash = digest;

    *hash = hash_bytes(*hash, data, size);
    return true;
}

static bool digest_read(void *digest, char hex[65])
{
    const uint64_t *hash = digest;

    snprintf(hex, 65, "%016llx", (unsigned long long)*hash);
    return true;
}

/* ---- the files of a download */

static bool write_whole(const char *path, const void *data, size_t size)
{
    FILE *stream = fopen(path, "wb");
    bool written = stream && fwrite(data, 1, size, stream) == size;

    return stream && fclose(stream) == 0 && written;
}

static void go_on(struct partial *partial)
{
    char rest[SIZE] = {0};
    struct stat info;

    must(partial->length <= THERE && partial->kept == partial->length);
    must(!fstat(partial->descriptor, &info) && (size_t)info.st_size == partial->length);
    must(strlen(partial->validator) < sizeof partial->validator && !strpbrk(partial->validator, "\r\n"));
    if (partial_add(partial, rest, SIZE - partial->length, NULL) || partial_save(partial, NULL))
        return;
    must(partial->length == SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct network network = {.digest_create = digest_create,
                                    .digest_add = digest_add,
                                    .digest_read = digest_read,
                                    .digest_free = free};
    char folder[] = "/tmp/fuzz-partial-XXXXXX", path[128], sidecar[128];
    char name[] = "file", url[] = "https://hub/file";
    const struct remote_file file = {.name = name, .url = url, .location = url, .etag = ETAG, .size = SIZE};
    struct partial partial = {.descriptor = -1};
    uint8_t there[THERE];

    if (!mkdtemp(folder))
        return 0;
    snprintf(path, sizeof path, "%s/" ETAG ".clipseg.incomplete", folder);
    snprintf(sidecar, sizeof sidecar, "%s/" ETAG ".clipseg.json", folder);
    for (size_t i = 0; i < sizeof there; i++)
        there[i] = (uint8_t)(7 * i);
    if (write_whole(path, there, sizeof there) && write_whole(sidecar, data, size) &&
        !partial_open(&partial, &network, &file, folder, NULL))
        go_on(&partial);
    partial_remove(&partial);
    rmdir(folder);
    return 0;
}
