/* locate.c: where in a picture that was found the thing is. */
#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/search/search.h"
#include "output/measure.h"

static clipseg_status ask(struct search *search, const clipseg_image *image, float *probability,
                          clipseg_error *error)
{
    const clipseg_prompt prompt = clipseg_embedding(search->condition);
    clipseg_status status = clipseg_session_set_image(search->session, image, error);

    return status ? status : clipseg_session_masks(search->session, &prompt, 1, probability, error);
}

clipseg_status search_locate(struct search *search, struct hit *hit, clipseg_image *image,
                             float **probability, clipseg_error *error)
{
    clipseg_image loaded = {0};
    float *found = NULL;
    clipseg_status status = clipseg_image_load(&loaded, hit->path, &search->image_options, error);

    if (status)
        return status;
    found = memory_aligned(loaded.width * loaded.height, sizeof *found);
    status = found ? ask(search, &loaded, found, error) : error_memory(error);
    if (status) {
        free(found);
        clipseg_image_free(&loaded);
        return status;
    }
    struct measure m = measure_mask(found, loaded.width, loaded.height, SEARCH_THRESHOLD);
    hit->located = true;
    hit->area = (double)m.area / ((double)loaded.width * (double)loaded.height);
    hit->box[0] = m.left;
    hit->box[1] = m.top;
    hit->box[2] = m.width;
    hit->box[3] = m.height;
    *image = loaded;
    *probability = found;
    return CLIPSEG_OK;
}
