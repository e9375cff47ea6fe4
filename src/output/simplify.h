/* simplify.h: rings with fewer corners. */
#ifndef OUTPUT_SIMPLIFY_H
#define OUTPUT_SIMPLIFY_H

#include "output/contours.h"

/* Drop corners so that no dropped one lies further than `tolerance` pixels from the ring (Douglas and
 * Peucker), and no corner of any ring changes sides (Saalfeld): rings that did not cross still do not, holes
 * stay inside, parts apart. At least three corners stay. Errors: MEMORY, which leave the contours as they
 * were. */
clipseg_status contours_simplify(struct contours *contours, double tolerance, clipseg_error *error);

#endif
