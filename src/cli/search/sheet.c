/* sheet.c: what was found, to look at: a contact sheet (PNG) or a page (HTML). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/inputs.h"
#include "cli/search/search.h"
#include "output/figure/figure.h"
#include "output/output.h"

#define MOST_CARDS 500 /* what a picture can be high, and what all of them take in memory */

/* What is written about a picture, and the picture. */
struct card {
    char title[300];
    clipseg_image image;
};

struct sheet {
    struct search *search;
    struct buffer heading;
    struct card *cards; /* [count] */
    size_t count;
};

/* ---- what both show */

static void write_heading(const struct search *s, struct buffer *out)
{
    if (s->duplicates)
        buffer_text(out, "Pictures that are nearly the same");
    for (size_t i = 0; i < s->wanted.count; i++)
        buffer_format(out, "%s%s", i ? " + " : "", s->wanted.items[i].title);
    for (size_t i = 0; i < s->unwanted.count; i++)
        buffer_format(out, " \u2212 %s", s->unwanted.items[i].title);
}

static void write_title(const struct search *s, const struct hit *hit, char *title, size_t size)
{
    const char *slash = strrchr(hit->path, '/'), *name = slash ? slash + 1 : hit->path;

    if (s->duplicates)
        snprintf(title, size, "%u: %s", hit->group, name);
    else
        snprintf(title, size, "%.3f  %s", hit->score, name);
}

/* A picture that cannot be read any more is an empty frame; why, is said. */
static clipseg_status fill_card(struct search *s, struct hit *hit, struct card *card, clipseg_error *error)
{
    clipseg_status status = s->segment ? search_locate(s, hit, &card->image, error)
                                       : search_thumbnail(s, hit->path, &card->image, error);

    write_title(s, hit, card->title, sizeof card->title);
    if (status == CLIPSEG_ERROR_IO || status == CLIPSEG_ERROR_IMAGE) {
        progress_end();
        note(s->choice.quiet, "%s", error->text);
        status = CLIPSEG_OK;
    }
    return status;
}

/* ---- the contact sheet: every picture in the middle of a frame of the same shape */

static clipseg_status frame(struct card *card, clipseg_error *error)
{
    uint8_t *rgb = memory_aligned((size_t)SEARCH_FRAME_WIDTH * SEARCH_FRAME_HEIGHT, 3);
    const clipseg_image *image = &card->image;

    if (!rgb)
        return error_memory(error);
    memset(rgb, 244, (size_t)SEARCH_FRAME_WIDTH * SEARCH_FRAME_HEIGHT * 3);
    size_t left = (SEARCH_FRAME_WIDTH - image->width) / 2, top = (SEARCH_FRAME_HEIGHT - image->height) / 2;
    for (size_t y = 0; y < image->height; y++)
        memcpy(rgb + 3 * ((top + y) * SEARCH_FRAME_WIDTH + left), image->rgb + 3 * y * image->width,
               3 * image->width);
    clipseg_image_free(&card->image);
    card->image = (clipseg_image){.width = SEARCH_FRAME_WIDTH, .height = SEARCH_FRAME_HEIGHT, .rgb = rgb};
    return CLIPSEG_OK;
}

static clipseg_status write_picture(struct sheet *sheet, FILE *stream, clipseg_error *error)
{
    struct figure_panel *panels = memory_zeroed(sheet->count, sizeof *panels);
    struct figure figure = {.heading = sheet->heading.data, .count = sheet->count, .panels = panels};
    clipseg_status status = panels ? CLIPSEG_OK : error_memory(error);

    for (size_t i = 0; !status && i < sheet->count; i++) {
        struct card *card = &sheet->cards[i];
        status = frame(card, error);
        panels[i] =
            (struct figure_panel){card->title, card->image.rgb, card->image.width, card->image.height};
    }
    if (!status)
        status = figure_write(&figure, stream, error);
    free(panels);
    return status;
}

/* ---- the page */

static void write_html_text(struct buffer *out, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '<':
            buffer_text(out, "&lt;");
            break;
        case '>':
            buffer_text(out, "&gt;");
            break;
        case '&':
            buffer_text(out, "&amp;");
            break;
        case '"':
            buffer_text(out, "&quot;");
            break;
        default:
            buffer_append(out, text, 1);
        }
}

/* A path as an address: everything but letters, digits and a few marks by number. */
static void write_address(struct buffer *out, const char *path)
{
    static const char plain[] = "/-_.~abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    buffer_text(out, "file://");
    for (; *path; path++)
        if (strchr(plain, *path))
            buffer_append(out, path, 1);
        else
            buffer_format(out, "%%%02X", (unsigned char)*path);
}

static void write_base64(struct buffer *out, const char *data, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < size; i += 3) {
        unsigned bytes = 0;
        for (size_t k = 0; k < 3; k++)
            bytes = bytes << 8 | (i + k < size ? (unsigned char)data[i + k] : 0);
        char four[4];
        for (size_t k = 0; k < 4; k++)
            four[k] = i + k > size ? '=' : digits[bytes >> (18 - 6 * k) & 63];
        buffer_append(out, four, 4);
    }
}

static clipseg_status write_image(struct buffer *out, const clipseg_image *image, clipseg_error *error)
{
    char *png = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&png, &size);

    if (!stream)
        return error_memory(error);
    clipseg_status status = png_write(stream, PNG_RGB8, image->width, image->height, image->rgb, NULL, error);
    if (fclose(stream) && !status)
        status = error_memory(error);
    if (!status) {
        buffer_text(out, "<img alt=\"\" src=\"data:image/png;base64,");
        write_base64(out, png, size);
        buffer_text(out, "\">");
    }
    free(png);
    return status;
}

static clipseg_status write_card(struct buffer *out, const struct card *card, const struct hit *hit,
                                 clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;

    buffer_text(out, "<figure><a href=\"");
    write_address(out, hit->path);
    buffer_text(out, "\">");
    if (card->image.rgb)
        status = write_image(out, &card->image, error);
    buffer_text(out, "</a><figcaption>");
    write_html_text(out, card->title);
    if (hit->located)
        buffer_format(out, " <small>%.1f %% of the picture</small>", 100.0 * hit->area);
    buffer_text(out, "</figcaption></figure>\n");
    return status;
}

static clipseg_status write_page(const struct sheet *sheet, FILE *stream, clipseg_error *error)
{
    struct buffer out = {0};
    clipseg_status status = CLIPSEG_OK;

    buffer_text(&out, "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\n"
                      "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
    write_html_text(&out, sheet->heading.data);
    buffer_text(
        &out,
        "</title>\n<style>\n"
        "body{font:15px/1.4 system-ui,sans-serif;margin:2rem;color:#222;background:#fafafa}\n"
        "main{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:1.2rem}\n"
        "figure{margin:0}a{display:flex;height:12rem;background:#eee;border-radius:6px;overflow:hidden}\n"
        "img{margin:auto;max-width:100%;max-height:100%}\n"
        "figcaption{padding:.4rem .1rem;overflow-wrap:anywhere}small{color:#777}\n"
        "</style>\n<h1>");
    write_html_text(&out, sheet->heading.data);
    buffer_text(&out, "</h1>\n<main>\n");
    for (size_t i = 0; !status && i < sheet->count; i++)
        status = write_card(&out, &sheet->cards[i], &sheet->search->hits[i], error);
    buffer_text(&out, "</main>\n</html>\n");
    if (!status && out.failed)
        status = error_memory(error);
    if (!status && fwrite(out.data, 1, out.size, stream) != out.size)
        status = error_set(error, CLIPSEG_ERROR_IO, "%s: cannot be written", sheet->search->output);
    buffer_free(&out);
    return status;
}

/* ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), length = strlen(end);

    return size > length && !strcmp(text + size - length, end);
}

static clipseg_status fill(struct sheet *sheet, clipseg_error *error)
{
    struct search *s = sheet->search;
    clipseg_status status = CLIPSEG_OK;

    sheet->count = s->hit_count;
    sheet->cards = memory_zeroed(sheet->count, sizeof *sheet->cards);
    write_heading(s, &sheet->heading);
    if (!sheet->cards || sheet->heading.failed)
        return error_memory(error);
    for (size_t i = 0; !status && i < sheet->count && !signals_stop(); i++) {
        progress_show(i, sheet->count, s->hits[i].path);
        status = fill_card(s, &s->hits[i], &sheet->cards[i], error);
    }
    progress_end();
    return status;
}

clipseg_status search_write_sheet(struct search *search, clipseg_error *error)
{
    bool page = ends_with(search->output, ".html");
    struct sheet sheet = {.search = search};
    struct file_writer file = {0};
    clipseg_status status = CLIPSEG_OK;

    if (!search->hit_count)
        return CLIPSEG_OK;
    if (search->hit_count > MOST_CARDS)
        return error_set(error, CLIPSEG_ERROR_USAGE,
                         "%s: %zu pictures are too many to show; ask for at most %d", search->output,
                         search->hit_count, MOST_CARDS);
    if (!page)
        status = figure_check(error);
    if (!status)
        status = fill(&sheet, error);
    if (!status && (status = make_folders(search->output, error)) == CLIPSEG_OK)
        status = file_write_open(&file, search->output, error);
    if (!status)
        status = page ? write_page(&sheet, file.stream, error) : write_picture(&sheet, file.stream, error);
    if (!status)
        status = file_write_commit(&file, false, error);
    file_write_abandon(&file);
    for (size_t i = 0; i < sheet.count && sheet.cards; i++)
        clipseg_image_free(&sheet.cards[i].image);
    free(sheet.cards);
    buffer_free(&sheet.heading);
    return status;
}
