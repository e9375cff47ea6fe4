/* pnm.c: the netpbm family: PBM, PGM, PPM as text (P1-P3) and binary (P4-P6), and PAM (P7). */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "image/decode.h"

struct reader {
    const unsigned char *p, *end;
    unsigned kind; /* the digit after P */
    size_t width, height, depth, maximum;
};

static bool matches(const unsigned char *data, size_t size)
{
    return size >= 3 && data[0] == 'P' && data[1] >= '1' && data[1] <= '7' && strchr(" \t\r\n#", data[2]);
}

static bool is_space(unsigned char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* White space and comments. */
static void skip_space(struct reader *r)
{
    while (r->p < r->end && (is_space(*r->p) || *r->p == '#')) {
        if (*r->p == '#')
            while (r->p < r->end && *r->p != '\n')
                r->p++;
        else
            r->p++;
    }
}

static bool read_number(struct reader *r, size_t *value)
{
    skip_space(r);
    if (r->p == r->end || *r->p < '0' || *r->p > '9')
        return false;
    for (*value = 0; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++)
        if ((*value = *value * 10 + (size_t)(*r->p - '0')) > 1000000000)
            return false;
    return true;
}

/* PAM: lines of KEY VALUE until ENDHDR. */
static bool read_pam_header(struct reader *r)
{
    static const char *const keys[] = {"WIDTH", "HEIGHT", "DEPTH", "MAXVAL"};
    size_t *const values[] = {&r->width, &r->height, &r->depth, &r->maximum};

    for (;;) {
        skip_space(r);
        size_t rest = (size_t)(r->end - r->p), i;
        if (rest >= 7 && !memcmp(r->p, "ENDHDR\n", 7)) {
            r->p += 7;
            return r->depth >= 1 && r->depth <= 4;
        }
        if (rest >= 8 && !memcmp(r->p, "TUPLTYPE", 8)) {
            while (r->p < r->end && *r->p != '\n')
                r->p++;
            continue;
        }
        for (i = 0; i < 4; i++)
            if (rest > strlen(keys[i]) && !memcmp(r->p, keys[i], strlen(keys[i])))
                break;
        if (i == 4)
            return false;
        r->p += strlen(keys[i]);
        if (!read_number(r, values[i]))
            return false;
    }
}

static bool read_header(struct reader *r)
{
    r->kind = (unsigned)(r->p[1] - '0');
    r->p += 2;
    if (r->kind == 7)
        return read_pam_header(r) && r->maximum >= 1 && r->maximum <= 65535;
    r->depth = r->kind == 3 || r->kind == 6 ? 3 : 1;
    r->maximum = 1;
    if (!read_number(r, &r->width) || !read_number(r, &r->height))
        return false;
    if (r->kind != 1 && r->kind != 4 && !read_number(r, &r->maximum))
        return false;
    if (r->maximum < 1 || r->maximum > 65535)
        return false;
    if (r->kind >= 4) /* exactly one white space before binary data */
        return r->p < r->end && is_space(*r->p++);
    return true;
}

/* One sample, scaled to 0..255. P1's digits need no space between them. */
static bool read_sample(struct reader *r, size_t *value)
{
    if (r->kind == 1) {
        skip_space(r);
        if (r->p == r->end || (*r->p != '0' && *r->p != '1'))
            return false;
        *value = *r->p++ == '0' ? 255 : 0;
        return true;
    }
    if (r->kind <= 3) {
        if (!read_number(r, value))
            return false;
    } else if (r->maximum < 256) {
        *value = *r->p++;
    } else {
        *value = (size_t)r->p[0] << 8 | r->p[1];
        r->p += 2;
    }
    *value = size_min(*value, r->maximum);
    *value =
        (size_t)nearbyint((double)*value / (double)r->maximum * 255.0); /* Pillow's round(): halves to even */
    return true;
}

static bool read_pixels(struct reader *r, clipseg_image *image)
{
    size_t sample[4] = {0};

    for (size_t i = 0; i < image->width * image->height; i++) {
        for (size_t c = 0; c < r->depth; c++)
            if (!read_sample(r, &sample[c]))
                return false;
        for (size_t c = 0; c < 3; c++)
            image->rgb[3 * i + c] = (uint8_t)sample[r->depth >= 3 ? c : 0];
        if (image->alpha)
            image->alpha[i] = (uint8_t)sample[r->depth - 1];
    }
    return true;
}

static void read_bits(const struct reader *r, clipseg_image *image)
{
    size_t stride = (image->width + 7) / 8;

    for (size_t y = 0; y < image->height; y++)
        for (size_t x = 0; x < image->width; x++) {
            bool black = r->p[y * stride + x / 8] >> (7 - x % 8) & 1;
            memset(image->rgb + 3 * (y * image->width + x), black ? 0 : 255, 3);
        }
}

/* Enough bytes for the pixels? For text: at least one per sample. */
static bool is_complete(const struct reader *r)
{
    size_t row =
        r->kind == 4 ? (r->width + 7) / 8 : r->width * r->depth * (r->kind > 3 && r->maximum > 255 ? 2 : 1);
    size_t bytes;

    return size_multiply(row, r->height, &bytes) && (size_t)(r->end - r->p) >= bytes;
}

static clipseg_status decode(const struct picture_source *source, struct picture *picture,
                             clipseg_error *error)
{
    struct reader r = {.p = source->data, .end = source->data + source->size};
    clipseg_status status;

    if (!read_header(&r))
        return picture_damaged(source, "PNM", (size_t)(r.p - source->data), "the header makes no sense",
                               error);
    if (!is_complete(&r))
        return picture_damaged(source, "PNM", source->size, "the pixels end early", error);
    bool alpha = source->options->keep_alpha && (r.depth == 2 || r.depth == 4);
    status = picture_allocate(source, "PNM", r.width, r.height, alpha, &picture->image, error);
    if (status)
        return status;
    if (r.kind == 4)
        read_bits(&r, &picture->image);
    else if (!read_pixels(&r, &picture->image))
        return picture_damaged(source, "PNM", (size_t)(r.p - source->data), "want a number", error);
    return CLIPSEG_OK;
}

const struct picture_format format_pnm = {"PNM", matches, decode};
