/* rle.h: masks as run lengths in the spelling of the tools. */
#ifndef OUTPUT_RLE_H
#define OUTPUT_RLE_H

#include "base/buffer.h"
#include "output/bits.h"

/* COCO's compressed string of column-major runs (pycocotools' rleToString), without quotes; for JSON, `\` is
 * doubled. */
void rle_coco(struct buffer *text, const struct runs *columns);

/* Label Studio's: bytes of thi.ng's rle-pack over RGBA, as decimal numbers with commas. rows: row-major runs.
 */
void rle_brush(struct buffer *text, const struct runs *rows);

#endif
