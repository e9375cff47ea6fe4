/* visual.h: pictures as prompts: `cup.jpg`, `cup.jpg@x,y,width,height`, `cup.jpg@mask.png`. */
#ifndef CLI_VISUAL_H
#define CLI_VISUAL_H

#include "clipseg.h"

#define PREPARE_ALL (CLIPSEG_PREPARE_CROP | CLIPSEG_PREPARE_BLUR | CLIPSEG_PREPARE_DARKEN)
#define PREPARE_NONE 8 /* 0 is the default: all */

/* Where the picture's path ends in PICTURE[@REGION]: a file of the whole name wins, else the last @ splits.
 */
const char *visual_path_end(const char *value);

/* Load the picture, mark the object (box, mask file, or the picture's own transparency), embed it.
 * shown: [S, S, 3] for what the model is shown, or NULL. Errors: USAGE (region), IO, IMAGE, MEMORY. */
clipseg_status visual_embed(const char *value, unsigned prepare, clipseg_session *session,
                            const clipseg_image_options *options, float *embedding, uint8_t *shown,
                            clipseg_error *error);

/* "crop,blur,darken" in any selection, or "none"; target is an unsigned. */
clipseg_status visual_set_prepare(void *target, const char *value, clipseg_error *error);

#endif
