/* calibration.h: the pictures on which a file of bytes is calibrated: a caller's, or ones that are drawn
 * here. */
#ifndef MODEL_CALIBRATION_H
#define MODEL_CALIBRATION_H

#include "clipseg.h"

struct calibration {
    size_t count; /* at least 1 */
    /* Picture `number` (0 .. count - 1), to be freed with clipseg_image_free. May be asked for more than
     * once. Errors: IO, IMAGE, MEMORY. */
    clipseg_status (*load)(void *context, size_t number, clipseg_image *image, clipseg_error *error);
    void *context;
};

/* A few pictures that need no files: soft clouds of colour, every other one with hard-edged shapes on it. */
struct calibration calibration_drawn(void);

#endif
