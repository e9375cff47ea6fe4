/* calibrate.h: a folder of the user's own pictures, some of which convert calibrates on. */
#ifndef CLI_CALIBRATE_H
#define CLI_CALIBRATE_H

#include "cli/inputs.h"
#include "model/calibration.h"

#define CALIBRATE_MOST 16 /* more take longer and change little */

struct own_pictures {
    struct inputs found;
    size_t used; /* the first so many of `found`, which were spread evenly over the names */
};

/* folder: a folder of pictures, or one picture. Errors: IO, IMAGE (a folder without pictures), MEMORY. */
clipseg_status own_pictures_collect(struct own_pictures *own, const char *folder, clipseg_error *error);

/* The ones that are used; valid as long as `own`. */
struct calibration own_pictures_calibration(struct own_pictures *own);

void own_pictures_free(struct own_pictures *own);

#endif
