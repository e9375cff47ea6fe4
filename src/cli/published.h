/* published.h: do these weights give the numbers that were published for them? */
#ifndef CLI_PUBLISHED_H
#define CLI_PUBLISHED_H

#include <stdbool.h>

#include "clipseg.h"

/* picture: COCO val2017's 000000039769.jpg. Prints what was compared on stderr unless quiet. Errors: MODEL
 * (other numbers), IMAGE (another picture), IO, MEMORY. */
clipseg_status published_check(const clipseg_model *model, const char *picture, bool quiet,
                               clipseg_error *error);

#endif
