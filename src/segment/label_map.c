/* label_map.c: the largest of several streams, pixel by pixel. */
#include "segment/label_map.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"

clipseg_status label_map_begin(struct label_map *map, size_t pixels, const struct label_rule *rule,
                               clipseg_error *error)
{
    *map = (struct label_map){.rule = *rule, .pixels = pixels};
    map->labels = memory_zeroed(pixels, sizeof *map->labels);
    map->best = memory_aligned(pixels, sizeof *map->best);
    map->second = rule->band > 0.0f ? memory_zeroed(pixels, sizeof *map->second) : NULL;
    if (!map->labels || !map->best || (rule->band > 0.0f && !map->second)) {
        label_map_free(map);
        return error_memory(error);
    }
    for (size_t i = 0; i < pixels; i++)
        map->best[i] = rule->background_weight > 0.0f ? 0.0f : rule->threshold;
    return CLIPSEG_OK;
}

void label_map_background(struct label_map *map, const float *probability)
{
    for (size_t i = 0; i < map->pixels; i++)
        map->best[i] = map->rule.background_weight * probability[i];
}

void label_map_add(struct label_map *map, uint16_t label, const float *probability)
{
    if (map->second)
        for (size_t i = 0; i < map->pixels; i++)
            map->second[i] = fmaxf(map->second[i], fminf(probability[i], map->best[i]));
    for (size_t i = 0; i < map->pixels; i++)
        if (probability[i] > map->best[i]) {
            map->best[i] = probability[i];
            map->labels[i] = label;
        }
}

void label_map_end(struct label_map *map)
{
    if (map->second)
        for (size_t i = 0; i < map->pixels; i++)
            if (map->best[i] - map->second[i] <= map->rule.band)
                map->labels[i] = LABEL_UNDECIDED;
    free(map->best);
    free(map->second);
    map->best = map->second = NULL;
}

void label_map_free(struct label_map *map)
{
    free(map->best);
    free(map->second);
    free(map->labels);
    *map = (struct label_map){0};
}
