/* labels.h: label maps with crisp borders: all labels of a picture refined together.
 *
 * What a label is refined by is its margin: its logit minus the largest of all others, the background's
 * counted. Two neighbours have opposite margins, every step of the refinement treats both sides alike, and so
 * both come to the same border: no gap, no overlap. Logits stream by; of every cell only the best few are
 * kept. */
#ifndef SEGMENT_REFINE_LABELS_H
#define SEGMENT_REFINE_LABELS_H

#include "segment/label_map.h"
#include "segment/refine/refiner.h"

#define MARGIN_PLACES 6 /* labels kept per cell */

struct label_margins {
    struct label_rule rule;
    size_t side, labels; /* labels: the highest number that was added */
    float *background;   /* [side, side]: logits */
    float *logits;       /* [side, side, MARGIN_PLACES], largest first */
    uint16_t *numbers;   /* [side, side, MARGIN_PLACES]: whose they are; LABEL_NONE: nobody's */
    float *margin;       /* [side, side]: scratch */
};

/* Errors: MEMORY. */
clipseg_status label_margins_begin(struct label_margins *margins, size_t side, const struct label_rule *rule,
                                   clipseg_error *error);

/* The authors' rule: the background's logits. Not needed with a threshold. */
void label_margins_background(struct label_margins *margins, const float *logits);

/* label: from 1; logits: [side, side] */
void label_margins_add(struct label_margins *margins, uint16_t label, const float *logits);

/* Refine every label that wins somewhere into `map`, which was begun with the rule { .background_weight = 1,
 * .band as wanted }. soft: scratch [image height, image width]. Afterwards call label_map_end. Errors:
 * MEMORY. */
clipseg_status label_margins_refine(struct label_margins *margins, struct clipseg_refiner *refiner,
                                    struct label_map *map, float *soft, clipseg_error *error);

void label_margins_free(struct label_margins *margins);

#endif
