/* fuzz_segments.c: the answers of Segments.ai: a data set, a page of samples, a label, an upload address.
 * Every input is read as each of them, and whatever is accepted keeps what segments.h promises. */
#include <stdlib.h>
#include <string.h>

#include "hub/segments.h"
#include "tests/fuzz/fuzz.h"

static void read_dataset(const char *text, size_t size)
{
    struct segments_dataset dataset;
    clipseg_error error;

    if (segments_parse_dataset(&dataset, text, size, "input", &error))
        return;
    must(dataset.task != NULL);
    for (size_t i = 0; i < dataset.count; i++) {
        must(*dataset.categories[i].name && dataset.categories[i].id > 0 &&
             dataset.categories[i].id <= 0xffffff);
        for (size_t k = 0; k < i; k++)
            must(dataset.categories[k].id != dataset.categories[i].id);
    }
    segments_dataset_free(&dataset);
}

/* The second page is the first one again. */
static void read_samples(const char *text, size_t size)
{
    struct segments_samples samples = {0};
    clipseg_error error;
    size_t found = 0, all = 0;

    for (size_t page = 0; page < 2 && !segments_parse_samples(&samples, text, size, "input", &found, &error);
         page++)
        all += found;
    must(samples.count >= all);
    for (size_t i = 0; i < samples.count; i++) {
        const struct segments_sample *sample = &samples.items[i];
        must(*sample->uuid && !strpbrk(sample->uuid, "/?#%. \r\n") && sample->name);
        must(!sample->url || strlen(sample->url) <= size);
        must(!sample->status || strlen(sample->status) <= size);
    }
    segments_samples_free(&samples);
}

static void read_picture(const char *text, size_t size)
{
    clipseg_error error;
    char *url;

    if (segments_parse_picture(&url, text, size, "input", &error))
        return;
    must(strlen(url) <= size);
    free(url);
}

static void read_label(const char *text, size_t size)
{
    struct segments_label label;
    clipseg_error error;

    if (segments_parse_label(&label, text, size, "input", &error))
        return;
    must(!label.status || strlen(label.status) <= size);
    must(!label.bitmap || strlen(label.bitmap) <= size);
    must(json_array_size(label.annotations) <= size);
    segments_label_free(&label);
}

static void read_asset(const char *text, size_t size)
{
    struct segments_asset asset;
    clipseg_error error;
    const char *key;
    json_t *value;

    if (segments_parse_asset(&asset, text, size, "input", &error))
        return;
    must(asset.url && asset.post_url);
    json_object_foreach((json_t *)(uintptr_t)asset.fields, key, value)
    {
        must(strlen(key) <= size && json_is_string(value));
    }
    segments_asset_free(&asset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;

    read_dataset(text, size);
    read_samples(text, size);
    read_picture(text, size);
    read_label(text, size);
    read_asset(text, size);
    return 0;
}
