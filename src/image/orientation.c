/* orientation.c: the one field of EXIF that matters here. */
#include "image/orientation.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

#define TAG_ORIENTATION 0x0112
#define TYPE_BYTE 1
#define TYPE_SHORT 3
#define TYPE_LONG 4

static uint32_t read_number(const unsigned char *p, size_t bytes, bool big)
{
    uint32_t value = 0;

    for (size_t i = 0; i < bytes; i++)
        value |= (uint32_t)p[i] << 8 * (big ? bytes - 1 - i : i);
    return value;
}

/* The value of a 12-byte directory entry of one number. */
static int entry_value(const unsigned char *entry, bool big)
{
    uint32_t type = read_number(entry + 2, 2, big), value;

    if (type != TYPE_BYTE && type != TYPE_SHORT && type != TYPE_LONG)
        return 0;
    value = read_number(entry + 8, type == TYPE_BYTE ? 1 : type == TYPE_SHORT ? 2 : 4, big);
    return value >= 1 && value <= 8 ? (int)value : 1;
}

int orientation_from_exif(const unsigned char *data, size_t size)
{
    if (size >= 6 && !memcmp(data, "Exif\0\0", 6)) {
        data += 6;
        size -= 6;
    }
    if (size < 8 || (memcmp(data, "II*\0", 4) != 0 && memcmp(data, "MM\0*", 4) != 0))
        return 0;
    bool big = data[0] == 'M';
    size_t directory = read_number(data + 4, 4, big);
    if (directory > size - 2)
        return 0;
    size_t count = read_number(data + directory, 2, big);
    for (size_t i = 0; i < count; i++) {
        size_t entry = directory + 2 + 12 * i;
        if (entry > size || size - entry < 12)
            return 0;
        if (read_number(data + entry, 2, big) == TAG_ORIENTATION)
            return entry_value(data + entry, big);
    }
    return 0;
}

int orientation_from_xmp(const unsigned char *data, size_t size)
{
    static const char name[] = "tiff:Orientation";
    const size_t length = sizeof name - 1;
    const unsigned char *end = data + size, *found;

    while ((found = memmem(data, (size_t)(end - data), name, length)) != NULL) {
        data = found + length;
        if (end - data >= 3 && data[0] == '=' && data[1] == '"' && data[2] >= '0' && data[2] <= '9')
            return data[2] - '0';
        if (end - data >= 2 && data[0] == '>' && data[1] >= '0' && data[1] <= '9')
            return data[1] - '0';
    }
    return 0;
}

/* For the pixel (x, y) of the upright picture: the stored pixel's number is start + x * step_x + y * step_y.
 */
struct walk {
    ptrdiff_t start, step_x, step_y;
};

static struct walk find_walk(int orientation, ptrdiff_t width, ptrdiff_t height)
{
    ptrdiff_t right = width - 1, bottom = (height - 1) * width;

    switch (orientation) {
    case 2:
        return (struct walk){right, -1, width};
    case 3:
        return (struct walk){bottom + right, -1, -width};
    case 4:
        return (struct walk){bottom, 1, -width};
    case 5:
        return (struct walk){0, width, 1};
    case 6:
        return (struct walk){bottom, -width, 1};
    case 7:
        return (struct walk){bottom + right, -width, -1};
    default:
        return (struct walk){right, width, -1};
    }
}

static uint8_t *turn(const uint8_t *from, size_t channels, size_t width, size_t height, struct walk walk)
{
    uint8_t *to = memory_aligned(width * height, channels), *out = to;

    for (size_t y = 0; to && y < height; y++) {
        ptrdiff_t pixel = walk.start + (ptrdiff_t)y * walk.step_y;
        for (size_t x = 0; x < width; x++, pixel += walk.step_x, out += channels)
            for (size_t c = 0; c < channels; c++)
                out[c] = from[(size_t)pixel * channels + c];
    }
    return to;
}

clipseg_status orientation_apply(clipseg_image *image, int orientation, clipseg_error *error)
{
    if (orientation < 2 || orientation > 8)
        return CLIPSEG_OK;
    struct walk walk = find_walk(orientation, (ptrdiff_t)image->width, (ptrdiff_t)image->height);
    size_t width = orientation >= 5 ? image->height : image->width;
    size_t height = orientation >= 5 ? image->width : image->height;
    clipseg_image turned = {width, height, turn(image->rgb, 3, width, height, walk),
                            image->alpha ? turn(image->alpha, 1, width, height, walk) : NULL};
    if (!turned.rgb || (image->alpha && !turned.alpha)) {
        clipseg_image_free(&turned);
        return error_memory(error);
    }
    clipseg_image_free(image);
    *image = turned;
    return CLIPSEG_OK;
}
