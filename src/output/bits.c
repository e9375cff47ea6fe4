/* bits.c: probabilities to masks, masks to run lengths. */
#include "output/bits.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/memory.h"

#define TILE 32

void bits_threshold(const float *probability, size_t pixels, float threshold, uint8_t *mask)
{
    for (size_t i = 0; i < pixels; i++)
        mask[i] = probability[i] > threshold;
}

uint8_t *bits_of_answer(const struct result *result, const struct answer *answer)
{
    size_t pixels = result->image->width * result->image->height;
    uint8_t *mask = memory_aligned(pixels, 1);

    if (mask)
        bits_threshold(answer->probability, pixels, result->threshold, mask);
    return mask;
}

void bits_transpose(const uint8_t *mask, size_t width, size_t height, uint8_t *out)
{
    for (size_t top = 0; top < height; top += TILE)
        for (size_t left = 0; left < width; left += TILE) {
            size_t bottom = size_min(top + TILE, height), right = size_min(left + TILE, width);
            for (size_t x = left; x < right; x++)
                for (size_t y = top; y < bottom; y++)
                    out[x * height + y] = mask[y * width + x];
        }
}

size_t bits_run_end(const uint8_t *mask, size_t from, size_t end)
{
    uint64_t same, word;

    memset(&same, mask[from], sizeof same);
    for (; from + sizeof word <= end; from += sizeof word) {
        memcpy(&word, mask + from, sizeof word);
        if (word != same)
            break;
    }
    uint8_t value = (uint8_t)same;
    while (from < end && mask[from] == value)
        from++;
    return from;
}

void runs_append(struct runs *runs, uint8_t value, size_t length)
{
    /* run i has the value i % 2 */
    if (!length || runs->failed)
        return;
    if (runs->count && (runs->count - 1) % 2 == value) {
        runs->lengths[runs->count - 1] += length;
        return;
    }
    size_t needed = runs->count + (runs->count % 2 == value ? 1 : 2); /* a mask may begin with a one */
    if (needed > runs->capacity) {
        size_t capacity = size_max(64, 2 * runs->capacity);
        size_t *lengths = realloc(runs->lengths, capacity * sizeof *lengths);
        if (!lengths) {
            runs->failed = true;
            return;
        }
        runs->lengths = lengths;
        runs->capacity = capacity;
    }
    if (needed == runs->count + 2)
        runs->lengths[runs->count++] = 0;
    runs->lengths[runs->count++] = length;
}

void runs_append_mask(struct runs *runs, const uint8_t *mask, size_t pixels)
{
    for (size_t i = 0, end; i < pixels; i = end) {
        end = bits_run_end(mask, i, pixels);
        runs_append(runs, mask[i], end - i);
    }
}

void runs_free(struct runs *runs)
{
    free(runs->lengths);
    *runs = (struct runs){0};
}
