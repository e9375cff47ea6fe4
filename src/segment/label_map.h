/* label_map.h: which of several masks owns each pixel. Masks stream by, one at a time. */
#ifndef SEGMENT_LABEL_MAP_H
#define SEGMENT_LABEL_MAP_H

#include "clipseg.h"

#define LABEL_NONE 0
#define LABEL_UNDECIDED UINT16_MAX /* in the unlabelled band */

/* When does a label win? The most probable one does; of equals the one that was added first; over:
 * - the constant `threshold` (the guide's rule: Hugging Face blog, "Zero-shot image segmentation with
 *   CLIPSeg"), or
 * - a background's probability, `background_weight` times (the authors' rule for Pascal: a literal prompt
 *   "background" that counts three times, no threshold).
 * A pixel whose two best (the background's counted) are not further apart than `band` stays undecided. */
struct label_rule {
    float threshold;         /* used when background_weight is 0 */
    float background_weight; /* 0: the guide's rule */
    float band;              /* 0: every pixel is decided */
};

struct label_map {
    struct label_rule rule;
    size_t pixels;
    float *best, *second; /* [pixels]; second: NULL without a band */
    uint16_t *labels;     /* [pixels]: LABEL_NONE, the labels added, or LABEL_UNDECIDED */
};

/* Errors: MEMORY. */
clipseg_status label_map_begin(struct label_map *map, size_t pixels, const struct label_rule *rule,
                               clipseg_error *error);

/* The authors' rule: the background, before any label. probability: [pixels] */
void label_map_background(struct label_map *map, const float *probability);

/* label: 1..UINT16_MAX - 1 */
void label_map_add(struct label_map *map, uint16_t label, const float *probability);

/* Mark what is undecided, and free all but the labels. */
void label_map_end(struct label_map *map);

void label_map_free(struct label_map *map);

#endif
