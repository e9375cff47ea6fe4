/* golden.h: recorded tensors, and the comparison with them. */
#ifndef TESTS_GOLDEN_H
#define TESTS_GOLDEN_H

#include <math.h>
#include <string.h>

#include <jansson.h>

#include "checkpoint/list.h"
#include "checkpoint/safetensors.h"
#include "tests/test.h"

struct golden {
    struct checkpoint tensors;
    struct file_map map;
    json_t *texts, *pictures; /* lists of strings */
    char image[256];
};

static inline bool golden_open(struct golden *golden, const char *path)
{
    clipseg_error error;
    uint64_t length;

    memset(golden, 0, sizeof *golden);
    if (file_map_open(&golden->map, path, &error) ||
        safetensors_read(&golden->tensors, "golden", golden->map.data, golden->map.size, &error) ||
        checkpoint_sort(&golden->tensors, &error))
        return false;
    memcpy(&length, golden->map.data, sizeof length);
    json_t *header = json_loadb((const char *)golden->map.data + 8, (size_t)length, 0, NULL);
    const json_t *metadata = json_object_get(header, "__metadata__");
    golden->texts = json_loads(json_string_value(json_object_get(metadata, "text")), 0, NULL);
    golden->pictures = json_loads(json_string_value(json_object_get(metadata, "visual_prompt")), 0, NULL);
    snprintf(golden->image, sizeof golden->image, "%s",
             json_string_value(json_object_get(metadata, "image")));
    json_decref(header);
    return golden->texts && golden->pictures;
}

static inline void golden_close(struct golden *golden)
{
    json_decref(golden->texts);
    json_decref(golden->pictures);
    checkpoint_close(&golden->tensors);
    file_map_close(&golden->map);
}

static inline double golden_deviation(const float *x, size_t count)
{
    double mean = 0.0, square = 0.0;

    for (size_t i = 0; i < count; i++)
        mean += (double)x[i] / (double)count;
    for (size_t i = 0; i < count; i++)
        square += ((double)x[i] - mean) * ((double)x[i] - mean) / (double)count;
    return sqrt(square);
}

/* max |rows - reference| <= 1e-4 * std(reference). first: the element of the recorded tensor where the rows
 * begin. */
static inline void golden_compare(const struct golden *golden, const char *name, size_t first, const float *x,
                                  size_t rows, size_t columns, size_t stride)
{
    const struct tensor *tensor = checkpoint_find(&golden->tensors, name);
    char text[200];

    if (!tensor)
        return;
    snprintf(text, sizeof text, "%s: %zu values behind %zu, recorded %zu", name, rows * columns, first,
             tensor->count);
    CHECK_TEXT(first + rows * columns <= tensor->count, text);
    if (first + rows * columns > tensor->count)
        return;
    float *reference = malloc(tensor->count * sizeof *reference);
    tensor_read_f32(tensor, 0, tensor->count, reference);
    double deviation = golden_deviation(reference, tensor->count), largest = 0.0;
    for (size_t i = 0; i < rows * columns; i++) {
        double difference =
            fabs((double)x[i / columns * stride + i % columns] - (double)reference[first + i]);
        largest = difference <= largest ? largest : difference; /* NaN counts */
    }
    snprintf(text, sizeof text, "%s differs by %.2e of its deviation %.3g", name, largest / deviation,
             deviation);
    CHECK_TEXT(largest <= 1e-4 * deviation, text);
    free(reference);
}

#endif
