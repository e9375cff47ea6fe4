/* sheet.c: the hits as a contact sheet: every picture in the middle of a frame of the same shape. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/search/search.h"
#include "image/image.h"
#include "output/figure/figure.h"
#include "output/output.h"

#define WIDTH 480
#define HEIGHT 360
#define GREY 244

struct card {
    char title[300];
    uint8_t *rgb; /* [HEIGHT, WIDTH, 3] */
};

static void write_title(const struct search *s, const struct hit *hit, char *title, size_t size)
{
    const char *slash = strrchr(hit->path, '/'), *name = slash ? slash + 1 : hit->path;

    if (s->duplicates)
        snprintf(title, size, "%u: %s", hit->group, name);
    else
        snprintf(title, size, "%.3f  %s", hit->score, name);
}

/* As large as fits into the frame; small pictures are enlarged. */
static clipseg_status fit(const clipseg_image *image, uint8_t *frame, clipseg_error *error)
{
    double across = WIDTH / (double)image->width, down = HEIGHT / (double)image->height;
    double factor = across < down ? across : down;
    size_t width = size_min(size_max(1, (size_t)((double)image->width * factor + 0.5)), WIDTH);
    size_t height = size_min(size_max(1, (size_t)((double)image->height * factor + 0.5)), HEIGHT);
    size_t left = (WIDTH - width) / 2, top = (HEIGHT - height) / 2;
    uint8_t *small = memory_aligned(width * height, 3);

    if (!small)
        return error_memory(error);
    clipseg_status status =
        image_resize(image->rgb, image->width, image->height, small, width, height, IMAGE_BICUBIC, error);
    for (size_t y = 0; !status && y < height; y++)
        memcpy(frame + 3 * ((top + y) * WIDTH + left), small + 3 * y * width, 3 * width);
    free(small);
    return status;
}

static clipseg_status fill_card(struct search *search, size_t number, struct card *card, clipseg_error *error)
{
    clipseg_image image;
    float *probability;
    uint8_t colour[3];
    clipseg_status status = search_load_hit(search, number, &image, &probability, error);

    write_title(search, &search->hits[number], card->title, sizeof card->title);
    card->rgb = memory_aligned((size_t)WIDTH * HEIGHT, 3);
    if (!status && !card->rgb)
        status = error_memory(error);
    if (card->rgb)
        memset(card->rgb, GREY, (size_t)WIDTH * HEIGHT * 3);
    colour_label(1, colour);
    if (!status && probability)
        overlay_paint(&image, probability, SEARCH_THRESHOLD, colour, image.rgb);
    if (!status && image.rgb)
        status = fit(&image, card->rgb, error);
    free(probability);
    clipseg_image_free(&image);
    return status;
}

static clipseg_status draw(const struct search *search, const struct card *cards, FILE *stream,
                           clipseg_error *error)
{
    struct figure_panel *panels = memory_zeroed(search->hit_count, sizeof *panels);
    struct buffer heading = {0};
    clipseg_status status = panels ? CLIPSEG_OK : error_memory(error);

    search_heading(search, &heading);
    for (size_t i = 0; !status && i < search->hit_count; i++)
        panels[i] = (struct figure_panel){cards[i].title, cards[i].rgb, WIDTH, HEIGHT};
    const struct figure figure = {heading.data, search->hit_count, panels};
    if (!status)
        status = heading.failed ? error_memory(error) : figure_write(&figure, stream, error);
    buffer_free(&heading);
    free(panels);
    return status;
}

clipseg_status search_write_sheet(struct search *search, FILE *stream, clipseg_error *error)
{
    struct card *cards = memory_zeroed(search->hit_count, sizeof *cards);
    clipseg_status status = cards ? CLIPSEG_OK : error_memory(error);

    for (size_t i = 0; !status && i < search->hit_count && !signals_stop(); i++)
        status = fill_card(search, i, &cards[i], error);
    if (!status && !signals_stop())
        status = draw(search, cards, stream, error);
    for (size_t i = 0; cards && i < search->hit_count; i++)
        free(cards[i].rgb);
    free(cards);
    return status;
}
