/* y4m.c: YUV4MPEG2 as mjpegtools define it (yuv4mpeg(5)), with ffmpeg's XCOLORRANGE. */
#include "image/y4m.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define LARGEST 65536 /* pixels of a side */

static const struct colour_space {
    const char *name;
    enum yuv_layout layout;
    enum yuv_siting siting;
} colour_spaces[] = {
    {"420jpeg", YUV_420, YUV_CENTER}, {"420mpeg2", YUV_420, YUV_LEFT}, {"420paldv", YUV_420, YUV_DV},
    {"420", YUV_420, YUV_CENTER},     {"422", YUV_422, YUV_LEFT},      {"444", YUV_444, YUV_CENTER},
    {"mono", YUV_MONO, YUV_CENTER},
};

static bool parse_side(const char *text, size_t length, size_t *value)
{
    *value = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9' || *value > LARGEST)
            return false;
        *value = 10 * *value + (size_t)(text[i] - '0');
    }
    return *value > 0 && *value <= LARGEST;
}

static clipseg_status set_colour_space(struct y4m *y4m, const char *name, size_t length, clipseg_error *error)
{
    for (size_t i = 0; i < sizeof colour_spaces / sizeof *colour_spaces; i++) {
        const struct colour_space *space = &colour_spaces[i];
        if (strlen(space->name) != length || memcmp(space->name, name, length) != 0)
            continue;
        y4m->format.layout = space->layout;
        y4m->format.siting = space->siting;
        return CLIPSEG_OK;
    }
    return error_set(
        error, CLIPSEG_ERROR_IMAGE,
        "y4m: colour space C%.*s: want 8 bits as 420, 422, 444 or mono; convert it with ffmpeg's "
        "-pix_fmt yuv420p",
        (int)(length < 20 ? length : 20), name);
}

static void keep(struct y4m *y4m, const char *token, size_t length)
{
    size_t used = strlen(y4m->kept);

    if (used + length + 2 > sizeof y4m->kept)
        return;
    y4m->kept[used] = ' ';
    memcpy(y4m->kept + used + 1, token, length);
    y4m->kept[used + 1 + length] = 0;
}

static clipseg_status set_token(struct y4m *y4m, const char *token, size_t length, clipseg_error *error)
{
    bool good = true;

    switch (token[0]) {
    case 'W':
        good = parse_side(token + 1, length - 1, &y4m->format.width);
        break;
    case 'H':
        good = parse_side(token + 1, length - 1, &y4m->format.height);
        break;
    case 'C':
        return set_colour_space(y4m, token + 1, length - 1, error);
    case 'I':
        y4m->interlaced = length > 1 && token[1] != 'p' && token[1] != '?';
        keep(y4m, token, length);
        break;
    case 'F':
    case 'A':
        keep(y4m, token, length);
        break;
    default: /* X: extensions */
        if (length == 16 && !memcmp(token, "XCOLORRANGE=FULL", 16))
            y4m->format.full_range = true;
    }
    return good ? CLIPSEG_OK
                : error_set(error, CLIPSEG_ERROR_IMAGE, "y4m: %.*s: want 1 to %d pixels",
                            (int)(length < 20 ? length : 20), token, LARGEST);
}

clipseg_status y4m_parse(struct y4m *y4m, const char *line, clipseg_error *error)
{
    static const char magic[] = "YUV4MPEG2 ";

    *y4m = (struct y4m){.format = {.layout = YUV_420, .siting = YUV_CENTER}};
    if (strncmp(line, magic, sizeof magic - 1) != 0)
        return error_set(
            error, CLIPSEG_ERROR_IMAGE,
            "stdin is no y4m video; make one with ffmpeg -i VIDEO -pix_fmt yuv420p -f yuv4mpegpipe -");
    for (const char *token = line + sizeof magic - 1; *token;) {
        size_t length = strcspn(token, " ");
        clipseg_status status = length ? set_token(y4m, token, length, error) : CLIPSEG_OK;
        if (status)
            return status;
        token += length + (token[length] == ' ');
    }
    if (!y4m->format.width || !y4m->format.height)
        return error_set(error, CLIPSEG_ERROR_IMAGE, "y4m: the header tells no width (W) or no height (H)");
    bool hd = y4m->format.width >= 1280 || y4m->format.height >= 720;
    y4m->format.matrix = hd ? YUV_BT709 : YUV_BT601;
    return CLIPSEG_OK;
}

void y4m_header(const struct y4m *y4m, enum yuv_layout layout, char *out)
{
    const char *name = "mono";

    for (size_t i = 0; i < sizeof colour_spaces / sizeof *colour_spaces; i++)
        if (colour_spaces[i].layout == layout &&
            (layout == YUV_MONO || colour_spaces[i].siting == y4m->format.siting)) {
            name = colour_spaces[i].name;
            break;
        }
    snprintf(out, Y4M_LONGEST + 64, "YUV4MPEG2 W%zu H%zu%s C%s XCOLORRANGE=%s\n", y4m->format.width,
             y4m->format.height, y4m->kept, name,
             y4m->format.full_range || layout == YUV_MONO ? "FULL" : "LIMITED");
}
