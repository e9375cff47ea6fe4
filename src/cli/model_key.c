/* model_key.c: telling models apart without reading them whole. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "cli/command.h"
#include "cli/demo.h"

#define SAMPLES 64
#define SAMPLE 4096

/* The files that models consist of; shards of weights are covered by their index. */
static const char *const members[] = {"config.json",
                                      "preprocessor_config.json",
                                      "tokenizer.json",
                                      "vocab.json",
                                      "merges.txt",
                                      "model.safetensors",
                                      "model.safetensors.index.json",
                                      "model-00001-of-00002.safetensors",
                                      "pytorch_model.bin",
                                      "pytorch_model.bin.index.json"};

static uint64_t hash_samples(uint64_t key, int file)
{
    unsigned char bytes[SAMPLE];
    struct stat info;

    if (fstat(file, &info) || !S_ISREG(info.st_mode))
        return key;
    uint64_t size = (uint64_t)info.st_size;
    key = hash_bytes(key, &size, sizeof size);
    for (uint64_t i = 0; i < SAMPLES; i++) {
        uint64_t place = size > SAMPLE ? (size - SAMPLE) / (SAMPLES - 1) * i : 0;
        ssize_t read = pread(file, bytes, sizeof bytes, (off_t)place);
        if (read > 0)
            key = hash_bytes(key, bytes, (size_t)read);
    }
    return key;
}

static uint64_t hash_file(uint64_t key, const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (file < 0)
        return key;
    key = hash_samples(key, file);
    close(file);
    return key;
}

static uint64_t hash_demo(uint64_t key)
{
    for (size_t i = 0; i < demo_file_count; i++) {
        key = hash_text(key, demo_files[i].name);
        key = hash_bytes(key, demo_files[i].data, demo_files[i].size < 65536 ? demo_files[i].size : 65536);
    }
    return key;
}

uint64_t model_key(const struct model_choice *choice)
{
    const char *name = choice->model ? choice->model : getenv("CLIPSEG_MODEL");
    char path[4096], member[4352];
    struct stat info;
    uint64_t key = HASH_START;

    if (!name || !*name || !strcmp(name, "demo"))
        return hash_demo(key);
    if (model_resolve(name, path, sizeof path, NULL) || stat(path, &info))
        return hash_text(key, name);
    if (!S_ISDIR(info.st_mode))
        return hash_file(key, path);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        snprintf(member, sizeof member, "%s/%s", path, members[i]);
        key = hash_file(hash_text(key, members[i]), member);
    }
    return key;
}
