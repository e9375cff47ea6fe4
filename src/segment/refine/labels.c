/* labels.c: margins between labels, and the refined label map. */
#include "segment/refine/labels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "segment/refine/islands.h"

#define CERTAIN 30.0f   /* a logit that nothing exceeds */
#define UNCLAIMED 0.01f /* less coverage than this is nobody's pixel */

static float logit_of(float probability)
{
    if (!(probability > 0.0f))
        return -CERTAIN;
    return probability < 1.0f ? fminf(fmaxf(logf(probability / (1.0f - probability)), -CERTAIN), CERTAIN)
                              : CERTAIN;
}

clipseg_status label_margins_begin(struct label_margins *margins, size_t side, const struct label_rule *rule,
                                   clipseg_error *error)
{
    size_t area = side * side;

    *margins = (struct label_margins){.rule = *rule, .side = side};
    margins->background = memory_aligned(area, sizeof(float));
    margins->logits = memory_aligned(area, MARGIN_PLACES * sizeof(float));
    margins->numbers = memory_zeroed(area, MARGIN_PLACES * sizeof(uint16_t));
    margins->margin = memory_aligned(area, sizeof(float));
    if (!margins->background || !margins->logits || !margins->numbers || !margins->margin) {
        label_margins_free(margins);
        return error_memory(error);
    }
    for (size_t i = 0; i < area; i++)
        margins->background[i] = logit_of(rule->background_weight > 0.0f ? 0.0f : rule->threshold);
    for (size_t i = 0; i < area * MARGIN_PLACES; i++)
        margins->logits[i] = -INFINITY;
    return CLIPSEG_OK;
}

void label_margins_background(struct label_margins *margins, const float *logits)
{
    for (size_t i = 0; i < margins->side * margins->side; i++)
        margins->background[i] = logit_of(margins->rule.background_weight / (1.0f + expf(-logits[i])));
}

void label_margins_add(struct label_margins *margins, uint16_t label, const float *logits)
{
    margins->labels = label > margins->labels ? label : margins->labels;
    for (size_t i = 0; i < margins->side * margins->side; i++) {
        float logit = logits[i] > -CERTAIN ? fminf(logits[i], CERTAIN) : -CERTAIN; /* NaN is not found */
        float *kept = margins->logits + i * MARGIN_PLACES;
        uint16_t *numbers = margins->numbers + i * MARGIN_PLACES;
        size_t place = MARGIN_PLACES;
        while (place && logit > kept[place - 1])
            place--;
        if (place == MARGIN_PLACES)
            continue;
        memmove(kept + place + 1, kept + place, (MARGIN_PLACES - 1 - place) * sizeof *kept);
        memmove(numbers + place + 1, numbers + place, (MARGIN_PLACES - 1 - place) * sizeof *numbers);
        kept[place] = logit;
        numbers[place] = label;
    }
}

/* The label's logit minus the largest other one. Of a label that is not among the best few it is only known
 * that it is not above the last of them. */
static float margin_at(const struct label_margins *m, size_t cell, uint16_t label)
{
    const float *kept = m->logits + cell * MARGIN_PLACES;
    const uint16_t *numbers = m->numbers + cell * MARGIN_PLACES;
    float background = m->background[cell];
    size_t place = 0;

    if (label == LABEL_NONE)
        return numbers[0] ? background - kept[0] : CERTAIN;
    while (place < MARGIN_PLACES && numbers[place] != label)
        place++;
    if (place == MARGIN_PLACES)
        return kept[MARGIN_PLACES - 1] - fmaxf(background, kept[0]) - 1.0f;
    float other = place ? kept[0] : numbers[1] ? kept[1] : -CERTAIN;
    return kept[place] - fmaxf(background, other);
}

/* Fill `margin`; does the label win anywhere? */
static bool find_margin(struct label_margins *m, uint16_t label)
{
    bool wins = false;

    for (size_t i = 0; i < m->side * m->side; i++) {
        m->margin[i] = margin_at(m, i, label);
        wins = wins || m->margin[i] > 0.0f;
    }
    return wins;
}

/* What the model itself says about a pixel. */
struct own_map {
    const struct label_margins *margins;
    const clipseg_image *image;
};

static uint16_t own_label(const void *context, size_t x, size_t y)
{
    const struct own_map *own = context;
    const struct label_margins *m = own->margins;
    size_t cell = y * m->side / own->image->height * m->side + x * m->side / own->image->width;
    bool found = m->numbers[cell * MARGIN_PLACES] && m->logits[cell * MARGIN_PLACES] > m->background[cell];

    return found ? m->numbers[cell * MARGIN_PLACES] : LABEL_NONE;
}

static void claim_rest(const struct own_map *own, struct label_map *map)
{
    const clipseg_image *image = own->image;

    for (size_t y = 0; y < image->height; y++)
        for (size_t x = 0; x < image->width; x++) {
            size_t pixel = y * image->width + x;
            if (map->best[pixel] < UNCLAIMED)
                map->labels[pixel] = own_label(own, x, y);
        }
}

clipseg_status label_margins_refine(struct label_margins *margins, struct clipseg_refiner *refiner,
                                    struct label_map *map, float *soft, clipseg_error *error)
{
    const struct refined out = {.soft = soft, .shared = true};
    const clipseg_image *image = refiner->image;
    const struct own_map own = {margins, image};
    clipseg_status status = CLIPSEG_OK;

    for (size_t label = LABEL_NONE; !status && label <= margins->labels; label++) {
        if (!find_margin(margins, (uint16_t)label))
            continue;
        status = refiner_mask(refiner, margins->margin, 0.5f, &out, error);
        if (status)
            break;
        if (label == LABEL_NONE)
            label_map_background(map, soft);
        else
            label_map_add(map, (uint16_t)label, soft);
    }
    if (status)
        return status;
    claim_rest(&own, map);
    double cell = (double)(image->width * image->height) / (double)(margins->side * margins->side);
    return islands_join(map->labels, image->width, image->height, cell, own_label, &own, error);
}

void label_margins_free(struct label_margins *margins)
{
    free(margins->background);
    free(margins->logits);
    free(margins->numbers);
    free(margins->margin);
    *margins = (struct label_margins){0};
}
