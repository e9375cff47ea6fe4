/* bits.h: masks of black and white pixels, one byte each, and their run lengths. */
#ifndef OUTPUT_BITS_H
#define OUTPUT_BITS_H

#include <stdbool.h>
#include <stdint.h>

#include "output/output.h"

/* mask: [pixels], 1 where the probability is above the threshold, else 0. */
void bits_threshold(const float *probability, size_t pixels, float threshold, uint8_t *mask);

/* The mask of an answer, [height, width]. Free with free(); NULL when memory is out. */
uint8_t *bits_of_answer(const struct result *result, const struct answer *answer);

/* mask: [height, width] to out: [width, height] */
void bits_transpose(const uint8_t *mask, size_t width, size_t height, uint8_t *out);

/* Where the run that begins at `from` ends, at most `end`. */
size_t bits_run_end(const uint8_t *mask, size_t from, size_t end);

/* Lengths of runs, alternately of zeros and ones, zeros first (the first length may be 0). */
struct runs {
    size_t *lengths; /* [count], owned */
    size_t count, capacity;
    bool failed; /* memory ran out at some point */
};

/* A run, joined with the one before it when it has the same value. */
void runs_append(struct runs *runs, uint8_t value, size_t length);

/* All `pixels` of a mask in the order in which they lie. */
void runs_append_mask(struct runs *runs, const uint8_t *mask, size_t pixels);

void runs_free(struct runs *runs);

#endif
