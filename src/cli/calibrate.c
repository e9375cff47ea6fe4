/* calibrate.c: which pictures of a folder convert calibrates on. */
#include "cli/calibrate.h"

#include "base/checked.h"

/* Pictures that lie beside each other are often alike, so the ones to use are taken at equal distances: they
 * change places with the first ones. */
static void spread(struct own_pictures *own)
{
    for (size_t i = 0; i < own->used; i++) {
        struct input *to = &own->found.items[i], *from = &own->found.items[i * own->found.count / own->used];
        struct input chosen = *from;
        *from = *to;
        *to = chosen;
    }
}

clipseg_status own_pictures_collect(struct own_pictures *own, const char *folder, clipseg_error *error)
{
    char *operand = (char *)(uintptr_t)folder; /* only read */
    clipseg_status status = inputs_collect(&own->found, &operand, 1, NULL, NULL, error);

    own->used = size_min(own->found.count, CALIBRATE_MOST);
    if (!status)
        spread(own);
    return status;
}

static clipseg_status load(void *context, size_t number, clipseg_image *image, clipseg_error *error)
{
    const struct own_pictures *own = context;

    return clipseg_image_load(image, own->found.items[number].path, NULL, error);
}

struct calibration own_pictures_calibration(struct own_pictures *own)
{
    return (struct calibration){own->used, load, own};
}

void own_pictures_free(struct own_pictures *own)
{
    inputs_free(&own->found);
}
