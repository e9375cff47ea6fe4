/* shapes.h: what annotation formats share: fragments that are joined, polygons as text. */
#ifndef OUTPUT_SHAPES_H
#define OUTPUT_SHAPES_H

#include "base/buffer.h"
#include "output/bits.h"
#include "output/measure.h"
#include "output/output.h"
#include "output/polygons.h"

/* Write the text into the stream and free it. Errors: IO, MEMORY (also when the text's memory ran out). */
clipseg_status shapes_print(FILE *stream, struct buffer *text, clipseg_error *error);

/* area, box and score of an answer */
struct measure shapes_measure(const struct output *output, const struct answer *answer);

/* The answer's mask as polygons at the result's tolerance. Errors: MEMORY. */
clipseg_status shapes_polygons(const struct output *output, const struct answer *answer,
                               struct polygons *polygons, clipseg_error *error);

/* A coordinate with at most three decimals, without needless zeros. */
void shapes_number(struct buffer *text, double value);

/* "#rrggbb" */
void shapes_colour(struct buffer *text, const struct category *category);

/* Copy lines of all fragments, with ",\n" between them. first: of each fragment's lines the first one;
 * others: all but the first. Errors: IO, MEMORY. */
clipseg_status shapes_join(const struct dataset *dataset, bool first, bool others, FILE *stream,
                           clipseg_error *error);

#endif
