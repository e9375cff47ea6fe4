/* preprocess_config.c: preprocessor_config.json in its three ages: `size: 352`, `size: {height, width}`, and
 * CLIP's `size: {shortest_edge}` with a centre crop. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "model/config.h"

#define LARGEST_SIDE 16384

static clipseg_status read_pair(const json_t *object, const char *name, size_t *width, size_t *height,
                                clipseg_error *error)
{
    clipseg_status status = json_read_size(object, "height", 1, LARGEST_SIDE, 0, height, name, error);

    return status ? status : json_read_size(object, "width", 1, LARGEST_SIDE, 0, width, name, error);
}

/* `key` is a number or an object; a number means `square` when that is true, else the shortest edge. */
static clipseg_status read_extent(const json_t *root, const char *key, const char *name, size_t *width,
                                  size_t *height, size_t *shortest, clipseg_error *error)
{
    const json_t *member = json_object_get(root, key);
    clipseg_status status = CLIPSEG_OK;

    if (json_is_object(member)) {
        status = read_pair(member, name, width, height, error);
        return status ? status
                      : json_read_size(member, "shortest_edge", 1, LARGEST_SIDE, 0, shortest, name, error);
    }
    status = json_read_size(root, key, 1, LARGEST_SIDE, 0, width, name, error);
    *height = *width;
    return status;
}

static clipseg_status read_triple(const json_t *root, const char *key, const char *name, float out[3],
                                  clipseg_error *error)
{
    const json_t *list = json_object_get(root, key);

    if (!list)
        return CLIPSEG_OK;
    if (json_array_size(list) != 3)
        return error_set(error, CLIPSEG_ERROR_MODEL, "%s: %s: want three numbers", name, key);
    for (size_t i = 0; i < 3; i++) {
        if (!json_is_number(json_array_get(list, i)))
            return error_set(error, CLIPSEG_ERROR_MODEL, "%s: %s: want three numbers", name, key);
        out[i] = (float)json_number_value(json_array_get(list, i));
    }
    return CLIPSEG_OK;
}

static clipseg_status check(struct preprocess *p, const char *name, clipseg_error *error)
{
    if (p->shortest_edge && !p->crop_width)
        return error_set(error, CLIPSEG_ERROR_MODEL, "%s: size has a shortest_edge but there is no crop_size",
                         name);
    if (p->width != p->height || p->crop_width != p->crop_height)
        return error_set(error, CLIPSEG_ERROR_MODEL, "%s: want a square size", name);
    for (size_t i = 0; i < 3; i++)
        if (!(p->deviation[i] > 0.0f))
            return error_set(error, CLIPSEG_ERROR_MODEL, "%s: image_std: want numbers above 0", name);
    return CLIPSEG_OK;
}

static clipseg_status read_flags(struct preprocess *p, const json_t *root, bool crop, const char *name,
                                 clipseg_error *error)
{
    clipseg_status status;
    double factor = 1.0 / 255.0;
    size_t filter = IMAGE_BILINEAR;

    if ((status = json_read_bool(root, "do_resize", true, &p->do_resize, name, error)) != CLIPSEG_OK ||
        (status = json_read_bool(root, "do_center_crop", crop, &p->do_center_crop, name, error)) !=
            CLIPSEG_OK ||
        (status = json_read_bool(root, "do_rescale", true, &p->do_rescale, name, error)) != CLIPSEG_OK ||
        (status = json_read_bool(root, "do_normalize", true, &p->do_normalize, name, error)) != CLIPSEG_OK ||
        (status = json_read_size(root, "resample", 2, 3, crop ? 3 : 2, &filter, name, error)) != CLIPSEG_OK ||
        (status = json_read_number(root, "rescale_factor", factor, &factor, name, error)) != CLIPSEG_OK)
        return status;
    p->filter = (enum image_filter)filter;
    p->rescale = (float)factor;
    return CLIPSEG_OK;
}

static clipseg_status read_members(struct preprocess *p, const json_t *root, const char *name,
                                   clipseg_error *error)
{
    size_t unused = 0;
    clipseg_status status;

    if ((status = read_extent(root, "size", name, &p->width, &p->height, &p->shortest_edge, error)) !=
            CLIPSEG_OK ||
        (status = read_extent(root, "crop_size", name, &p->crop_width, &p->crop_height, &unused, error)) !=
            CLIPSEG_OK ||
        (status = read_flags(p, root, p->crop_width > 0, name, error)) != CLIPSEG_OK ||
        (status = read_triple(root, "image_mean", name, p->mean, error)) != CLIPSEG_OK ||
        (status = read_triple(root, "image_std", name, p->deviation, error)) != CLIPSEG_OK)
        return status;
    if (p->do_center_crop && p->crop_width && p->width &&
        !p->shortest_edge) { /* CLIP's oldest form: size 224 */
        p->shortest_edge = p->width;
        p->width = p->height = 0;
    }
    if (!p->do_center_crop)
        p->crop_width = p->crop_height = 0;
    return check(p, name, error);
}

clipseg_status preprocess_read(struct preprocess *preprocess, const struct checkpoint *checkpoint,
                               clipseg_error *error)
{
    const clipseg_file *file = checkpoint_text(checkpoint, "preprocessor_config.json");
    json_t *root = NULL;
    char name[1100];
    clipseg_status status;

    /* without the file: what the released CLIPSeg models say */
    *preprocess = (struct preprocess){.do_resize = true,
                                      .do_rescale = true,
                                      .do_normalize = true,
                                      .width = 352,
                                      .height = 352,
                                      .filter = IMAGE_BILINEAR,
                                      .rescale = 1.0f / 255.0f,
                                      .mean = {0.485f, 0.456f, 0.406f},
                                      .deviation = {0.229f, 0.224f, 0.225f}};
    if (!file)
        return CLIPSEG_OK;
    preprocess->width = preprocess->height = 0;
    snprintf(name, sizeof name, "%.1000s: preprocessor_config.json", checkpoint->name);
    status = json_parse_limited(&root, file->data, file->size, JSON_LARGEST_CONFIG, name, CLIPSEG_ERROR_MODEL,
                                error);
    if (!status && !json_is_object(root))
        status = error_set(error, CLIPSEG_ERROR_MODEL, "%s: want an object", name);
    if (!status)
        status = read_members(preprocess, root, name, error);
    json_decref(root);
    return status;
}
