/* segments_parse.c: the JSON that Segments.ai answers with. Nothing in it is believed before it is looked at.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "hub/segments.h"

#define LARGEST_ID 0xffffff /* what three colours of a pixel can say */

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static clipseg_status refuse(const char *name, const char *what, clipseg_error *error)
{
    return error_set(error, CLIPSEG_ERROR_NETWORK, "%s: the answer has no %s: is this Segments.ai?", name,
                     what);
}

static clipseg_status parse(json_t **root, const char *text, size_t size, const char *name,
                            clipseg_error *error)
{
    *root = NULL;
    return json_parse(root, text ? text : "", size, name, CLIPSEG_ERROR_NETWORK, error);
}

/* ---- data sets */

/* [r, g, b] or [r, g, b, a] */
static void read_colour(const json_t *colour, uint8_t out[3])
{
    for (size_t i = 0; i < 3; i++) {
        json_int_t part = json_integer_value(json_array_get(colour, i));
        out[i] = (uint8_t)(part < 0 ? 0 : part > 255 ? 255 : part);
    }
}

static clipseg_status read_category(struct segments_dataset *dataset, const json_t *entry, const char *name,
                                    clipseg_error *error)
{
    json_int_t id = json_integer_value(json_object_get(entry, "id"));
    const char *category = text_of(entry, "name");
    struct category *out = &dataset->categories[dataset->count];

    if (!category || !*category || id < 1 || id > LARGEST_ID)
        return error_set(error, CLIPSEG_ERROR_NETWORK,
                         "%s: category %zu: want a name, and an id from 1 to %d: 0 means unlabelled", name,
                         dataset->count + 1, LARGEST_ID);
    *out = (struct category){.id = (uint32_t)id, .name = category};
    read_colour(json_object_get(entry, "color"), out->colour);
    for (size_t i = 0; i < dataset->count; i++)
        if (dataset->categories[i].id == out->id)
            return error_set(error, CLIPSEG_ERROR_NETWORK, "%s: two categories have the id %u", name,
                             out->id);
    dataset->count++;
    return CLIPSEG_OK;
}

clipseg_status segments_parse_dataset(struct segments_dataset *dataset, const char *text, size_t size,
                                      const char *name, clipseg_error *error)
{
    clipseg_status status;
    json_t *entry;
    size_t i;

    *dataset = (struct segments_dataset){0};
    if ((status = parse(&dataset->root, text, size, name, error)) != CLIPSEG_OK)
        return status;
    dataset->task = text_of(dataset->root, "task_type");
    dataset->labelsets = json_object_get(dataset->root, "labelsets");
    json_t *list = json_object_get(json_object_get(dataset->root, "task_attributes"), "categories");
    if (!dataset->task)
        status = refuse(name, "task_type", error);
    else if (!(dataset->categories = memory_zeroed(json_array_size(list), sizeof *dataset->categories)))
        status = error_memory(error);
    json_array_foreach(list, i, entry)
    {
        if (!status)
            status = read_category(dataset, entry, name, error);
    }
    if (status)
        segments_dataset_free(dataset);
    return status;
}

void segments_dataset_free(struct segments_dataset *dataset)
{
    json_decref(dataset->root);
    free(dataset->categories);
    *dataset = (struct segments_dataset){0};
}

/* ---- samples */

/* It goes into addresses and journals. */
static bool plain_uuid(const char *uuid)
{
    return uuid && *uuid && strlen(uuid) < 100 &&
           strspn(uuid, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == strlen(uuid);
}

static clipseg_status add_sample(struct segments_samples *samples, const json_t *entry, const char *name,
                                 clipseg_error *error)
{
    if (samples->count == samples->capacity) {
        size_t capacity = samples->capacity ? 2 * samples->capacity : 64;
        struct segments_sample *items = realloc(samples->items, capacity * sizeof *items);
        if (!items)
            return error_memory(error);
        samples->items = items;
        samples->capacity = capacity;
    }
    const struct segments_sample sample = {
        text_of(entry, "uuid"), text_of(entry, "name"),
        text_of(json_object_get(json_object_get(entry, "attributes"), "image"), "url"),
        text_of(json_object_get(entry, "label"), "label_status")};
    if (!plain_uuid(sample.uuid) || !sample.name)
        return refuse(name, "uuid and name for every sample", error);
    samples->items[samples->count++] = sample;
    return CLIPSEG_OK;
}

clipseg_status segments_parse_samples(struct segments_samples *samples, const char *text, size_t size,
                                      const char *name, size_t *found, clipseg_error *error)
{
    json_t *root, *entry;
    size_t i;
    clipseg_status status = parse(&root, text, size, name, error);

    *found = 0;
    if (status)
        return status;
    if (!json_is_array(root)) {
        status = refuse(name, "list of samples", error);
    } else {
        json_t **pages = realloc(samples->pages, (samples->page_count + 1) * sizeof(json_t *));
        if (pages) {
            samples->pages = pages;
            samples->pages[samples->page_count++] = json_incref(root);
        } else {
            status = error_memory(error);
        }
    }
    json_array_foreach(root, i, entry)
    {
        if (!status)
            status = add_sample(samples, entry, name, error);
    }
    *found = json_array_size(root);
    json_decref(root);
    return status;
}

clipseg_status segments_parse_picture(char **url, const char *text, size_t size, const char *name,
                                      clipseg_error *error)
{
    json_t *root;
    clipseg_status status = parse(&root, text, size, name, error);

    *url = NULL;
    if (status)
        return status;
    const char *found = text_of(json_object_get(json_object_get(root, "attributes"), "image"), "url");
    if (!found)
        status = refuse(name, "address of a picture", error);
    else if (!(*url = memory_string(found, strlen(found))))
        status = error_memory(error);
    json_decref(root);
    return status;
}

void segments_samples_free(struct segments_samples *samples)
{
    for (size_t i = 0; i < samples->page_count; i++)
        json_decref(samples->pages[i]);
    free(samples->pages);
    free(samples->items);
    *samples = (struct segments_samples){0};
}

/* ---- labels and assets */

clipseg_status segments_parse_label(struct segments_label *label, const char *text, size_t size,
                                    const char *name, clipseg_error *error)
{
    clipseg_status status;

    *label = (struct segments_label){0};
    if ((status = parse(&label->root, text, size, name, error)) != CLIPSEG_OK)
        return status;
    const json_t *attributes = json_object_get(label->root, "attributes");
    label->status = text_of(label->root, "label_status");
    label->bitmap = text_of(json_object_get(attributes, "segmentation_bitmap"), "url");
    label->annotations = json_object_get(attributes, "annotations");
    return CLIPSEG_OK;
}

void segments_label_free(struct segments_label *label)
{
    json_decref(label->root);
    *label = (struct segments_label){0};
}

clipseg_status segments_parse_asset(struct segments_asset *asset, const char *text, size_t size,
                                    const char *name, clipseg_error *error)
{
    clipseg_status status;
    json_t *value;
    const char *key;

    *asset = (struct segments_asset){0};
    if ((status = parse(&asset->root, text, size, name, error)) != CLIPSEG_OK)
        return status;
    json_t *post = json_object_get(asset->root, "presignedPostFields"),
           *fields = json_object_get(post, "fields");
    asset->url = text_of(asset->root, "url");
    asset->post_url = text_of(post, "url");
    asset->fields = fields;
    if (!asset->url || !asset->post_url || !json_is_object(fields))
        status = refuse(name, "url and presignedPostFields", error);
    json_object_foreach(fields, key, value)
    {
        if (!status && !json_is_string(value))
            status = refuse(name, "texts in presignedPostFields", error);
    }
    if (status)
        segments_asset_free(asset);
    return status;
}

void segments_asset_free(struct segments_asset *asset)
{
    json_decref(asset->root);
    *asset = (struct segments_asset){0};
}
