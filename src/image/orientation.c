/* orientation.c: the one field of EXIF that matters here. */
#include "image/orientation.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

#define TAG_ORIENTATION 0x0112

static uint32_t read_number(const unsigned char *p, size_t bytes, bool big)
{
    uint32_t value = 0;

    for (size_t i = 0; i < bytes; i++)
        value |= (uint32_t)p[i] << 8 * (big ? bytes - 1 - i : i);
    return value;
}

/* Bytes per number of TIFF's types: byte, text, short, long, rational, signed byte, undefined, signed short,
 * signed long, signed rational, float, double, directory; 0: there is no such type. */
static const unsigned char type_sizes[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4};

static bool is_whole_number(uint32_t type)
{
    return type == 3 || type == 4 || type == 6 || type == 8 || type == 9 || type == 13;
}

/* The first value of a 12-byte directory entry: tag, type, count, and the values or where they are; 0: as if
 * the entry were not there, 1: what is none of 1..8. Texts and bytes are no numbers (as for Pillow). */
static int entry_value(const unsigned char *data, size_t size, const unsigned char *entry, bool big)
{
    uint32_t type = read_number(entry + 2, 2, big), count = read_number(entry + 4, 4, big);
    size_t unit = type < sizeof type_sizes ? type_sizes[type] : 0, bytes;
    const unsigned char *values = entry + 8;

    if (!unit || !count || !size_multiply(unit, count, &bytes))
        return 0;
    if (bytes > 4) {
        size_t place = read_number(values, 4, big);
        if (place > size || size - place < bytes)
            return 0;
        values = data + place;
    }
    uint32_t value = is_whole_number(type) ? read_number(values, unit, big) : 1;
    return value >= 1 && value <= 8 ? (int)value : 1;
}

static bool is_tiff(const unsigned char *data, size_t size)
{
    return size >= 8 && (data[0] == 'I' || data[0] == 'M') && data[0] == data[1] &&
           ((data[2] == 0 && data[3] == 42) || (data[2] == 42 && data[3] == 0));
}

/* Only the first directory is read, so directories that point at each other do no harm. */
int orientation_from_exif(const unsigned char *data, size_t size)
{
    if (size >= 6 && !memcmp(data, "Exif\0\0", 6)) {
        data += 6;
        size -= 6;
    }
    if (!is_tiff(data, size))
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
        int value = read_number(data + entry, 2, big) == TAG_ORIENTATION
                        ? entry_value(data, size, data + entry, big)
                        : 0;
        if (value)
            return value;
    }
    return 0;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

int orientation_from_raw_profile(const char *text, size_t length)
{
    unsigned char block[4096]; /* the first directory stands at the beginning */
    size_t size = 0, i = 0;
    int high = -1;

    for (size_t lines = 0; i < length && lines < 3; i++)
        lines += text[i] == '\n';
    for (; i < length && size < sizeof block; i++) {
        int digit = hex_digit(text[i]);
        if (digit < 0)
            continue;
        if (high >= 0)
            block[size++] = (unsigned char)(high << 4 | digit);
        high = high >= 0 ? -1 : digit;
    }
    return orientation_from_exif(block, size);
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
