/* yuv.h: 8-bit planar YUV (Y'CbCr) frames to RGB and back. */
#ifndef IMAGE_YUV_H
#define IMAGE_YUV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum yuv_layout { YUV_MONO, YUV_420, YUV_422, YUV_444 };

/* How light is weighed: ITU-R BT.601 (SD), BT.709 (HD), BT.2020 (non-constant luminance). */
enum yuv_matrix { YUV_BT601, YUV_BT709, YUV_BT2020 };

/* Where a chroma sample of 4:2:0 lies among its four pixels: in their middle (JPEG, MPEG-1); between the two
 * left ones (MPEG-2 and later; 4:2:2 as well); on the left pixel of the upper line for Cb, of the lower line
 * for Cr (PAL DV). */
enum yuv_siting { YUV_CENTER, YUV_LEFT, YUV_DV };

struct yuv_format {
    size_t width, height;
    enum yuv_layout layout;
    enum yuv_matrix matrix;
    enum yuv_siting siting;
    bool full_range; /* luma 0..255 and chroma around 128 +- 127.5; otherwise 16..235 and 16..240 */
};

/* Bytes of a frame: the planes Y, Cb, Cr one after the other, rows without padding. false: too large. */
bool yuv_frame_size(const struct yuv_format *format, size_t *size);

/* Chroma is interpolated linearly at its siting. rgb: [height, width, 3]. false: memory is out. */
bool yuv_to_rgb(const struct yuv_format *format, const uint8_t *frame, uint8_t *rgb);

/* Chroma is averaged at its siting. */
void yuv_from_rgb(const struct yuv_format *format, const uint8_t *rgb, uint8_t *frame);

#endif
