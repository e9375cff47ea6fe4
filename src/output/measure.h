/* measure.h: a few numbers about the pixels above a threshold. */
#ifndef OUTPUT_MEASURE_H
#define OUTPUT_MEASURE_H

#include <stddef.h>

struct measure {
    size_t area;                     /* pixels above the threshold */
    size_t left, top, width, height; /* their box; all 0 when there are none */
    double maximum, mean;            /* of all probabilities */
    double score;                    /* mean probability of the pixels above the threshold, 0 without any */
};

/* probability: [height, width] */
struct measure measure_mask(const float *probability, size_t width, size_t height, float threshold);

#endif
