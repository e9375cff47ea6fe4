/* y4m.h: the header of YUV4MPEG2, the format in which video tools hand uncompressed frames through a pipe. */
#ifndef IMAGE_Y4M_H
#define IMAGE_Y4M_H

#include "clipseg.h"
#include "image/yuv.h"

#define Y4M_LONGEST 1024 /* bytes of a header line, its newline included */

struct y4m {
    struct yuv_format format;
    bool interlaced;
    char kept[Y4M_LONGEST]; /* frame rate, interlacing and aspect, as they were: " F25:1 Ip A1:1" */
};

/* line: the first line of the stream without its newline. The matrix is BT.709 for HD sizes (from 1280 x 720
 * on), else BT.601: the format does not tell it. Errors: IMAGE. */
clipseg_status y4m_parse(struct y4m *y4m, const char *line, clipseg_error *error);

/* The header line, newline included, for frames like these in another layout. out: [Y4M_LONGEST + 64] */
void y4m_header(const struct y4m *y4m, enum yuv_layout layout, char *out);

#endif
