/* rle.c: run lengths as text. */
#include "output/rle.h"

#include "base/checked.h"

/* Five bits at a time, lowest first, continued while something is left; from the fourth count on the
 * difference to the count two before. */
void rle_coco(struct buffer *text, const struct runs *columns)
{
    for (size_t i = 0; i < columns->count; i++) {
        int64_t value = (int64_t)columns->lengths[i] - (i > 2 ? (int64_t)columns->lengths[i - 2] : 0);
        for (bool more = true; more;) {
            int64_t digit = value & 0x1f;
            value = (value - digit) / 32; /* arithmetic shift */
            more = digit & 0x10 ? value != -1 : value != 0;
            char c = (char)((more ? digit | 0x20 : digit) + 48);
            buffer_append(text, c == '\\' ? "\\\\" : &c, c == '\\' ? 2 : 1);
        }
    }
}

/* Bits, highest first, into numbers. */
struct bit_writer {
    struct buffer *text;
    uint32_t byte;
    unsigned filled; /* bits in `byte` */
    bool first;
};

static void put_byte(struct bit_writer *w, uint32_t byte)
{
    char digits[4];
    size_t at = sizeof digits;

    do
        digits[--at] = (char)('0' + byte % 10);
    while (byte /= 10);
    if (!w->first)
        digits[--at] = ',';
    w->first = false;
    buffer_append(w->text, digits + at, sizeof digits - at);
}

static void put(struct bit_writer *w, uint32_t value, unsigned bits)
{
    while (bits--) {
        w->byte = w->byte << 1 | (value >> bits & 1);
        if (++w->filled == 8) {
            put_byte(w, w->byte);
            w->byte = w->filled = 0;
        }
    }
}

/* One bit run or literal, two bits which size of length, the length - 1, the value. */
static void put_run(struct bit_writer *w, size_t length, uint32_t value)
{
    static const unsigned sizes[4] = {3, 4, 8, 16};

    while (length) {
        size_t piece = size_min(length, 65536);
        unsigned which = piece <= 8 ? 0 : piece <= 16 ? 1 : piece <= 256 ? 2 : 3;
        put(w, piece > 1, 1);
        put(w, which, 2);
        put(w, (uint32_t)(piece - 1), sizes[which]);
        put(w, value, 8);
        length -= piece;
    }
}

void rle_brush(struct buffer *text, const struct runs *rows)
{
    struct bit_writer w = {.text = text, .first = true};
    size_t pixels = 0;

    for (size_t i = 0; i < rows->count; i++)
        pixels += rows->lengths[i];
    put(&w, (uint32_t)(4 * pixels), 32);
    put(&w, 8 - 1, 5); /* bits of a value */
    put(&w, 3 - 1, 4);
    put(&w, 4 - 1, 4);
    put(&w, 8 - 1, 4);
    put(&w, 16 - 1, 4);
    for (size_t i = 0; i < rows->count; i++) /* red, green, blue and alpha of a pixel are the same */
        put_run(&w, 4 * rows->lengths[i], i % 2 ? 255 : 0);
    put(&w, 0, 8 - w.filled); /* as the tool's own encoder: a whole byte when none is begun */
}
