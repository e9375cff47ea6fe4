/* overlay.c: the picture with what was found tinted and outlined, the rest a little dimmed. */
#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "output/output.h"

struct scene {
    const clipseg_image *image;
    const float *probability;
    float threshold;
    size_t line; /* width of the outline in pixels */
    uint8_t colour[3];
};

static bool is_inside(const struct scene *s, size_t x, size_t y)
{
    return s->probability[y * s->image->width + x] > s->threshold;
}

/* An inner pixel with something outside not further away than the line is wide. */
static bool is_outline(const struct scene *s, size_t x, size_t y)
{
    size_t left = x > s->line ? x - s->line : 0, top = y > s->line ? y - s->line : 0;
    size_t right = size_min(x + s->line, s->image->width - 1),
           bottom = size_min(y + s->line, s->image->height - 1);

    return !is_inside(s, left, y) || !is_inside(s, right, y) || !is_inside(s, x, top) ||
           !is_inside(s, x, bottom) || !is_inside(s, left, top) || !is_inside(s, right, top) ||
           !is_inside(s, left, bottom) || !is_inside(s, right, bottom);
}

/* Mix with the prompt's colour, or darken; near the threshold the change is gradual. */
static void paint(const struct scene *s, size_t x, size_t y, const uint8_t *from, uint8_t *to)
{
    float p = s->probability[y * s->image->width + x];
    float t = fminf(fmaxf((p - s->threshold) / 0.16f + 0.5f, 0.0f), 1.0f);
    float inside = t * t * (3.0f - 2.0f * t);

    if (is_inside(s, x, y) && is_outline(s, x, y)) {
        for (size_t c = 0; c < 3; c++)
            to[c] = (uint8_t)(s->colour[c] / 2 + 127);
        return;
    }
    for (size_t c = 0; c < 3; c++) {
        float tinted = 0.55f * (float)from[c] + 0.45f * (float)s->colour[c], dimmed = 0.62f * (float)from[c];
        to[c] = (uint8_t)(inside * tinted + (1.0f - inside) * dimmed + 0.5f);
    }
}

void overlay_paint(const clipseg_image *image, const float *probability, float threshold,
                   const uint8_t colour[3], uint8_t *rgb)
{
    struct scene scene = {.image = image,
                          .probability = probability,
                          .threshold = threshold,
                          .line = size_max(1, (size_min(image->width, image->height) + 150) / 300),
                          .colour = {colour[0], colour[1], colour[2]}};

    for (size_t y = 0; y < image->height; y++)
        for (size_t x = 0; x < image->width; x++) {
            size_t pixel = 3 * (y * image->width + x);
            paint(&scene, x, y, image->rgb + pixel, rgb + pixel);
        }
}

static clipseg_status add(struct output *output, const struct answer *answer, clipseg_error *error)
{
    const clipseg_image *image = output->result->image;
    uint8_t *rgb = memory_aligned(image->width * image->height, 3);

    if (!rgb)
        return error_memory(error);
    overlay_paint(image, answer->probability, output->result->threshold,
                  output->result->categories[answer->prompt].colour, rgb);
    clipseg_status status =
        png_write(output->stream, PNG_RGB8, image->width, image->height, rgb, NULL, error);
    free(rgb);
    return status;
}

const struct format format_overlay = {.name = "overlay",
                                      .suffix = ".overlay.png",
                                      .help = "the picture with the find tinted, per prompt",
                                      .per_prompt = true,
                                      .needs_probability = true,
                                      .add = add};
