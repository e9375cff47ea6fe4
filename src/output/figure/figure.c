/* figure.c: panels with titles in a grid, drawn with cairo and pango. A module of its own: see
 * cmake/figure.cmake. */
#include "output/figure/figure.h"

#include <stdlib.h>
#include <string.h>

#include <pango/pangocairo.h>

#define PANEL_WIDTH 320
#define GAP 18
#define MARGIN 22
#define TITLE_SPACE 8
#define FONT "Sans 13"
#define MOST_COLUMNS 5
#define TITLE_LINES 2
#define HEADING_FONT "Sans Bold 18"
#define HEADING_SPACE 16

__attribute__((visibility("default"))) figure_function clipseg_figure_draw;

struct layout {
    size_t columns, rows, panel_height, title_height;
    size_t heading_height; /* with the space below it */
};

/* As many columns as fill the rows evenly: 6 panels are 3 + 3, 7 are 4 + 3. */
static struct layout find_layout(const struct figure *figure)
{
    struct layout l;
    const struct figure_panel *first = &figure->panels[0];
    double ratio = (double)first->height / (double)first->width;

    l.rows = (figure->count + MOST_COLUMNS - 1) / MOST_COLUMNS;
    l.columns = (figure->count + l.rows - 1) / l.rows;
    ratio = ratio > 3.0 ? 3.0 : ratio < 1.0 / 6.0 ? 1.0 / 6.0 : ratio;
    l.panel_height = (size_t)(PANEL_WIDTH * ratio + 0.5);
    l.title_height = l.heading_height = 0;
    return l;
}

static PangoLayout *make_title(cairo_t *cairo, const char *text)
{
    PangoLayout *title = pango_cairo_create_layout(cairo);
    PangoFontDescription *font = pango_font_description_from_string(FONT);

    pango_layout_set_font_description(title, font);
    pango_font_description_free(font);
    pango_layout_set_width(title, PANEL_WIDTH * PANGO_SCALE);
    pango_layout_set_height(title, -TITLE_LINES);
    pango_layout_set_wrap(title, PANGO_WRAP_WORD_CHAR);
    pango_layout_set_ellipsize(title, PANGO_ELLIPSIZE_END);
    pango_layout_set_alignment(title, PANGO_ALIGN_CENTER);
    pango_layout_set_text(title, text, -1);
    return title;
}

/* The height of the tallest title: all rows get it, so that pictures stand in line. */
static size_t measure_titles(const struct figure *figure)
{
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, 8, 8);
    cairo_t *cairo = cairo_create(surface);
    int tallest = 0;

    for (size_t i = 0; i < figure->count; i++) {
        PangoLayout *title = make_title(cairo, figure->panels[i].title);
        int height;
        pango_layout_get_pixel_size(title, NULL, &height);
        tallest = *figure->panels[i].title && height > tallest ? height : tallest;
        g_object_unref(title);
    }
    cairo_destroy(cairo);
    cairo_surface_destroy(surface);
    return (size_t)tallest;
}

/* One line over the whole width. */
static PangoLayout *make_heading(cairo_t *cairo, const struct figure *figure, const struct layout *l)
{
    PangoLayout *heading = pango_cairo_create_layout(cairo);
    PangoFontDescription *font = pango_font_description_from_string(HEADING_FONT);

    pango_layout_set_font_description(heading, font);
    pango_font_description_free(font);
    pango_layout_set_width(heading, (int)(l->columns * (PANEL_WIDTH + GAP) - GAP) * PANGO_SCALE);
    pango_layout_set_height(heading, -1);
    pango_layout_set_ellipsize(heading, PANGO_ELLIPSIZE_END);
    pango_layout_set_text(heading, figure->heading, -1);
    return heading;
}

static size_t measure_heading(const struct figure *figure, const struct layout *l)
{
    if (!figure->heading)
        return 0;
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, 8, 8);
    cairo_t *cairo = cairo_create(surface);
    PangoLayout *heading = make_heading(cairo, figure, l);
    int height;

    pango_layout_get_pixel_size(heading, NULL, &height);
    g_object_unref(heading);
    cairo_destroy(cairo);
    cairo_surface_destroy(surface);
    return (size_t)height + HEADING_SPACE;
}

static void draw_heading(cairo_t *cairo, const struct figure *figure, const struct layout *l)
{
    PangoLayout *heading = make_heading(cairo, figure, l);

    cairo_set_source_rgb(cairo, 0.13, 0.13, 0.15);
    cairo_move_to(cairo, MARGIN, MARGIN);
    pango_cairo_show_layout(cairo, heading);
    g_object_unref(heading);
}

static cairo_surface_t *to_surface(const struct figure_panel *panel)
{
    cairo_surface_t *surface =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)panel->width, (int)panel->height);

    if (cairo_surface_status(surface))
        return surface;
    unsigned char *data = cairo_image_surface_get_data(surface);
    size_t stride = (size_t)cairo_image_surface_get_stride(surface);
    for (size_t y = 0; y < panel->height; y++)
        for (size_t x = 0; x < panel->width; x++) {
            const uint8_t *p = panel->rgb + 3 * (y * panel->width + x);
            uint32_t pixel = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
            memcpy(data + y * stride + 4 * x, &pixel, 4);
        }
    cairo_surface_mark_dirty(surface);
    return surface;
}

/* The title above, the picture below, scaled to fit its frame. */
static void draw_panel(cairo_t *cairo, const struct figure_panel *panel, const struct layout *l, double x,
                       double y)
{
    cairo_surface_t *surface = to_surface(panel);
    double scale_x = PANEL_WIDTH / (double)panel->width,
           scale_y = (double)l->panel_height / (double)panel->height;
    double scale = scale_x < scale_y ? scale_x : scale_y;
    double left = x + (PANEL_WIDTH - scale * (double)panel->width) / 2.0;
    double top = y + (double)l->title_height + (l->title_height ? TITLE_SPACE : 0);

    if (*panel->title) {
        PangoLayout *title = make_title(cairo, panel->title);
        int height;
        pango_layout_get_pixel_size(title, NULL, &height);
        cairo_set_source_rgb(cairo, 0.13, 0.13, 0.15);
        cairo_move_to(cairo, x, y + (double)l->title_height - height);
        pango_cairo_show_layout(cairo, title);
        g_object_unref(title);
    }
    cairo_save(cairo);
    cairo_translate(cairo, left, top);
    cairo_scale(cairo, scale, scale);
    cairo_set_source_surface(cairo, surface, 0, 0);
    cairo_pattern_set_filter(cairo_get_source(cairo), CAIRO_FILTER_BEST);
    cairo_pattern_set_extend(cairo_get_source(cairo), CAIRO_EXTEND_PAD);
    cairo_rectangle(cairo, 0, 0, (double)panel->width, (double)panel->height);
    cairo_fill(cairo);
    cairo_restore(cairo);
    cairo_surface_destroy(surface);
}

/* Out of cairo's 32-bit pixels. */
static int to_picture(cairo_surface_t *surface, struct figure_picture *picture)
{
    picture->width = (size_t)cairo_image_surface_get_width(surface);
    picture->height = (size_t)cairo_image_surface_get_height(surface);
    picture->rgb = malloc(picture->width * picture->height * 3);
    if (!picture->rgb)
        return -1;
    cairo_surface_flush(surface);
    for (size_t y = 0; y < picture->height; y++)
        for (size_t x = 0; x < picture->width; x++) {
            uint32_t pixel;
            memcpy(&pixel,
                   cairo_image_surface_get_data(surface) +
                       y * (size_t)cairo_image_surface_get_stride(surface) + 4 * x,
                   4);
            uint8_t *out = picture->rgb + 3 * (y * picture->width + x);
            out[0] = (uint8_t)(pixel >> 16);
            out[1] = (uint8_t)(pixel >> 8);
            out[2] = (uint8_t)pixel;
        }
    return 0;
}

int clipseg_figure_draw(const struct figure *figure, struct figure_picture *picture)
{
    struct layout l = find_layout(figure);

    l.title_height = measure_titles(figure);
    l.heading_height = measure_heading(figure, &l);
    size_t cell = l.title_height + (l.title_height ? TITLE_SPACE : 0) + l.panel_height;
    int width = (int)(2 * MARGIN + l.columns * PANEL_WIDTH + (l.columns - 1) * GAP);
    int height = (int)(l.heading_height + 2 * MARGIN + l.rows * cell + (l.rows - 1) * GAP);
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    cairo_t *cairo = cairo_create(surface);

    cairo_set_source_rgb(cairo, 1, 1, 1);
    cairo_paint(cairo);
    if (figure->heading)
        draw_heading(cairo, figure, &l);
    for (size_t i = 0; i < figure->count; i++) {
        size_t x = MARGIN + i % l.columns * (PANEL_WIDTH + GAP);
        size_t y = MARGIN + l.heading_height + i / l.columns * (cell + GAP);
        draw_panel(cairo, &figure->panels[i], &l, (double)x, (double)y);
    }
    int result = cairo_surface_status(surface) ? -1 : to_picture(surface, picture);
    cairo_destroy(cairo);
    cairo_surface_destroy(surface);
    return result;
}
