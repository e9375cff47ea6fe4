/* accuracy.h: how far a converted model is from the one that it was made of. */
#ifndef CLI_ACCURACY_H
#define CLI_ACCURACY_H

#include "base/buffer.h"
#include "model/calibration.h"

#define ACCURACY_MOST_PROMPTS 32

/* Of one prompt's answers at the model's input size, over all pictures. */
struct agreement {
    double difference; /* mean absolute difference of the probabilities */
    double iou;        /* of the masks at 0.5, all pictures together; NaN when no pixel is inside */
    double area;       /* share of the pixels that are inside either mask: of a few, the IoU says little */
};

struct accuracy {
    const char *prompts[ACCURACY_MOST_PROMPTS];
    size_t count; /* of prompts; 0: some that fit any picture */
    size_t pictures;
    struct agreement each[ACCURACY_MOST_PROMPTS], all;
    /* A CLIP model without decoder has no masks: the cosines between the picture's vectors. */
    bool is_clip;
    double mean_cosine, least_cosine;
};

/* For options: a prompt more; target is a struct accuracy. */
clipseg_status accuracy_add_prompt(void *target, const char *value, clipseg_error *error);

/* Compare what both models answer on the pictures. threads: 0 for all cores. Errors: MEMORY, those of loading
 * a picture and of embedding a prompt. */
clipseg_status accuracy_measure(struct accuracy *accuracy, const clipseg_model *reference,
                                const clipseg_model *model, const struct calibration *pictures,
                                size_t threads, clipseg_error *error);

/* A table on stdout. on: which pictures these are, in words. */
void accuracy_print(const struct accuracy *accuracy, const char *on);

/* A JSON object. */
void accuracy_json(struct buffer *text, const struct accuracy *accuracy);

#endif
