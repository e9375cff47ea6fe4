/* visual.c: the object that a visual prompt shows. */
#include "cli/visual.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"

const char *visual_path_end(const char *value)
{
    const char *at = strrchr(value, '@');

    return at && at != value && at[1] && access(value, F_OK) != 0 ? at : value + strlen(value);
}

/* "x,y,width,height"; false: it is no box. */
static bool parse_box(const char *text, size_t box[4])
{
    for (size_t i = 0; i < 4; i++) {
        char *end;
        if (*text < '0' || *text > '9')
            return false;
        unsigned long long number = strtoull(text, &end, 10);
        if (*end != (i < 3 ? ',' : 0) || number > UINT32_MAX)
            return false;
        box[i] = (size_t)number;
        text = end + 1;
    }
    return true;
}

/* Four numbers were meant, as no file has such a name. */
static bool looks_like_a_box(const char *text)
{
    return !text[strspn(text, "0123456789,.- ")] && strchr(text, ',') && access(text, F_OK) != 0;
}

static clipseg_status mark_box(const char *value, const clipseg_image *image, const size_t box[4],
                               uint8_t *mask, clipseg_error *error)
{
    if (!box[2] || !box[3] || box[0] + box[2] > image->width || box[1] + box[3] > image->height)
        return error_set(
            error, CLIPSEG_ERROR_USAGE,
            "--prompt-image %s: the box (x,y,width,height) does not lie within the picture's %zu "
            "x %zu pixels",
            value, image->width, image->height);
    for (size_t y = box[1]; y < box[1] + box[3]; y++)
        memset(mask + y * image->width + box[0], 255, box[2]);
    return CLIPSEG_OK;
}

/* A mask file: how white it is, or how opaque where it has transparency. */
static clipseg_status mark_file(const char *path, const clipseg_image *image,
                                const clipseg_image_options *options, uint8_t *mask, clipseg_error *error)
{
    clipseg_image loaded = {0};
    clipseg_status status = clipseg_image_load(&loaded, path, options, error);
    size_t pixels = image->width * image->height;

    if (!status && (loaded.width != image->width || loaded.height != image->height))
        status = error_set(error, CLIPSEG_ERROR_USAGE,
                           "%s: the mask has %zu x %zu pixels, its picture %zu x %zu; want the same size",
                           path, loaded.width, loaded.height, image->width, image->height);
    for (size_t i = 0; !status && i < pixels; i++)
        mask[i] =
            (uint8_t)(loaded.alpha ? loaded.alpha[i]
                                   : (loaded.rgb[3 * i] + loaded.rgb[3 * i + 1] + loaded.rgb[3 * i + 2]) / 3);
    clipseg_image_free(&loaded);
    return status;
}

/* Is anything at least half inside? */
static bool is_marked(const clipseg_image *image, const uint8_t *mask)
{
    const uint8_t *marks = mask ? mask : image->alpha;

    for (size_t i = 0; marks && i < image->width * image->height; i++)
        if (marks[i] >= 128)
            return true;
    return !marks;
}

clipseg_status visual_embed(const char *value, unsigned prepare, clipseg_session *session,
                            const clipseg_image_options *options, float *embedding, uint8_t *shown,
                            clipseg_error *error)
{
    const char *end = visual_path_end(value);
    char *path = memory_string(value, (size_t)(end - value));
    clipseg_image_options with_alpha = *options;
    clipseg_image image = {0};
    uint8_t *mask = NULL;
    size_t box[4];
    clipseg_status status;

    prepare = prepare ? prepare & PREPARE_ALL : PREPARE_ALL;
    with_alpha.keep_alpha = 1;
    status = path ? clipseg_image_load(&image, path, &with_alpha, error) : error_memory(error);
    if (!status && *end) {
        mask = memory_zeroed(image.width * image.height, 1);
        if (!mask)
            status = error_memory(error);
        else if (parse_box(end + 1, box))
            status = mark_box(value, &image, box, mask, error);
        else if (looks_like_a_box(end + 1))
            status = error_set(error, CLIPSEG_ERROR_USAGE,
                               "--prompt-image %s: want FILE@X,Y,WIDTH,HEIGHT, four whole numbers of pixels",
                               value);
        else
            status = mark_file(end + 1, &image, &with_alpha, mask, error);
    }
    if (!status && !is_marked(&image, mask))
        status = error_set(error, CLIPSEG_ERROR_USAGE,
                           "%s: the object's mask is empty; want white (or opaque) where it is", value);
    if (!status)
        status = clipseg_session_embed_object(session, &image, mask, prepare, embedding, shown, error);
    free(path);
    free(mask);
    clipseg_image_free(&image);
    return status;
}

clipseg_status visual_set_prepare(void *target, const char *value, clipseg_error *error)
{
    static const struct {
        const char *name;
        unsigned bit;
    } parts[] = {
        {"crop", CLIPSEG_PREPARE_CROP}, {"blur", CLIPSEG_PREPARE_BLUR}, {"darken", CLIPSEG_PREPARE_DARKEN}};
    unsigned prepare = 0;

    for (const char *name = value; strcmp(value, "none") != 0;) {
        size_t length = strcspn(name, ","), i = 0;
        while (i < 3 && (strlen(parts[i].name) != length || memcmp(parts[i].name, name, length) != 0))
            i++;
        if (i == 3)
            return error_set(error, CLIPSEG_ERROR_USAGE,
                             "--prepare %.60s: want crop, blur and darken in any selection, or none", value);
        prepare |= parts[i].bit;
        if (!name[length])
            break;
        name += length + 1;
    }
    *(unsigned *)target = prepare ? prepare : PREPARE_NONE;
    return CLIPSEG_OK;
}
