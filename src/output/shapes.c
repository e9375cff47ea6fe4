/* shapes.c: what annotation formats share. */
#include "output/shapes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"

clipseg_status shapes_print(FILE *stream, struct buffer *text, clipseg_error *error)
{
    bool complete = !text->failed;

    if (complete && text->size)
        fwrite(text->data, 1, text->size, stream);
    buffer_free(text);
    if (!complete)
        return error_memory(error);
    return ferror(stream)
               ? error_set(error, CLIPSEG_ERROR_IO, "a result cannot be written: the disk is full?")
               : CLIPSEG_OK;
}

struct measure shapes_measure(const struct output *output, const struct answer *answer)
{
    const struct result *r = output->result;

    return measure_mask(answer->probability, r->image->width, r->image->height, r->threshold);
}

clipseg_status shapes_polygons(const struct output *output, const struct answer *answer,
                               struct polygons *polygons, clipseg_error *error)
{
    const struct result *r = output->result;
    uint8_t *mask = bits_of_answer(r, answer);

    *polygons = (struct polygons){0};
    if (!mask)
        return error_memory(error);
    clipseg_status status =
        polygons_trace(polygons, mask, r->image->width, r->image->height, r->tolerance, error);
    free(mask);
    return status;
}

void shapes_number(struct buffer *text, double value)
{
    char digits[40];
    int length = snprintf(digits, sizeof digits, "%.3f", value);

    while (digits[length - 1] == '0')
        length--;
    length -= digits[length - 1] == '.';
    buffer_append(text, digits, (size_t)length);
}

void shapes_colour(struct buffer *text, const struct category *category)
{
    buffer_format(text, "#%02x%02x%02x", category->colour[0], category->colour[1], category->colour[2]);
}

/* Copies the lines of one fragment; `any` says whether something was written before. */
static void join_lines(const struct file_map *map, bool first, bool others, bool *any, FILE *stream)
{
    bool is_first = true;

    for (size_t i = 0; i < map->size; is_first = false) {
        const unsigned char *end = memchr(map->data + i, '\n', map->size - i);
        size_t length = end ? (size_t)(end - map->data) - i : map->size - i;
        if (length && (is_first ? first : others)) {
            fputs(*any ? ",\n" : "", stream);
            fwrite(map->data + i, 1, length, stream);
            *any = true;
        }
        i += length + 1;
    }
}

clipseg_status shapes_join(const struct dataset *dataset, bool first, bool others, FILE *stream,
                           clipseg_error *error)
{
    bool any = false;

    for (size_t i = 0; i < dataset->picture_count; i++) {
        struct file_map map;
        clipseg_status status = file_map_open(&map, dataset->pictures[i].fragment, error);
        if (status)
            return status;
        join_lines(&map, first, others, &any, stream);
        file_map_close(&map);
    }
    return CLIPSEG_OK;
}
