/* calibration.c: draws calibration pictures: something of every frequency and colour, the same every time. */
#include "model/calibration.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

#define PICTURES 6
#define SIDE 256

static float next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (float)(*state >> 40) / 16777216.0f;
}

static void draw_clouds(uint64_t *state, uint8_t *rgb)
{
    float wave[3][3][4];

    for (size_t i = 0; i < 36; i++)
        wave[i / 12][i / 4 % 3][i % 4] = next_random(state);
    for (size_t i = 0; i < SIDE * SIDE * 3; i++) {
        size_t column = i / 3 % SIDE, row = i / 3 / SIDE;
        float x = (float)column / SIDE, y = (float)row / SIDE, sum = 0.0f;
        for (size_t k = 0; k < 3; k++) {
            const float *w = wave[i % 3][k];
            float frequency = (float)(4 << 2 * k);
            sum += sinf(frequency * (w[0] * x + w[1] * y) + 6.3f * w[2]) * (0.3f + w[3]) / (float)(k + 1);
        }
        sum += 0.2f * (next_random(state) - 0.5f);
        rgb[i] = (uint8_t)(255.0f / (1.0f + expf(-1.5f * sum)));
    }
}

static void draw_shapes(uint64_t *state, uint8_t *rgb)
{
    for (size_t shape = 0; shape < 12; shape++) {
        float cx = next_random(state) * SIDE, cy = next_random(state) * SIDE,
              radius = (0.03f + 0.2f * next_random(state)) * SIDE;
        uint8_t colour[3];
        for (size_t c = 0; c < 3; c++)
            colour[c] = (uint8_t)(255.9f * next_random(state));
        for (size_t i = 0; i < SIDE * SIDE; i++) {
            size_t column = i % SIDE, row = i / SIDE;
            float x = fabsf((float)column - cx), y = fabsf((float)row - cy);
            if (shape % 2 ? x * x + y * y < radius * radius : fmaxf(x, 2.0f * y) < radius)
                memcpy(rgb + 3 * i, colour, 3);
        }
    }
}

static clipseg_status draw(void *context, size_t number, clipseg_image *image, clipseg_error *error)
{
    uint64_t state = 0x9e3779b97f4a7c15u * (number + 1);

    (void)context;
    *image = (clipseg_image){.width = SIDE, .height = SIDE, .rgb = memory_zeroed(SIDE * SIDE, 3)};
    if (!image->rgb)
        return error_memory(error);
    draw_clouds(&state, image->rgb);
    if (number % 2)
        draw_shapes(&state, image->rgb);
    return CLIPSEG_OK;
}

struct calibration calibration_drawn(void)
{
    return (struct calibration){PICTURES, draw, NULL};
}
