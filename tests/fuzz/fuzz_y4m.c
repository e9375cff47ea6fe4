/* fuzz_y4m.c: the header of a video and one small frame of it. */
#include <stdlib.h>
#include <string.h>

#include "image/y4m.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char line[Y4M_LONGEST], header[Y4M_LONGEST + 64];
    const uint8_t *end = memchr(data, '\n', size);
    size_t length = end ? (size_t)(end - data) : size, frame_size;
    struct y4m y4m;

    if (length >= sizeof line)
        return 0;
    memcpy(line, data, length);
    line[length] = 0;
    if (y4m_parse(&y4m, line, NULL))
        return 0;
    y4m_header(&y4m, y4m.format.layout, header);
    if (!yuv_frame_size(&y4m.format, &frame_size) || y4m.format.width * y4m.format.height > 1 << 16)
        return 0;
    uint8_t *frame = calloc(frame_size, 1), *rgb = malloc(3 * y4m.format.width * y4m.format.height);
    size_t given = size - length < frame_size ? size - length : frame_size;
    if (frame && rgb) {
        memcpy(frame, data + length, given);
        if (yuv_to_rgb(&y4m.format, frame, rgb))
            yuv_from_rgb(&y4m.format, rgb, frame);
    }
    free(frame);
    free(rgb);
    return 0;
}
