/* pixels.c: from pixels to the network's input and from its logits back to pixels. */
#include <math.h>

#include "kernels/scalar/scalar.h"

void scalar_normalize_row(size_t width, const uint8_t *rgb, const float scale[3], const float offset[3],
                          float *red, float *green, float *blue)
{
    for (size_t x = 0; x < width; x++) {
        red[x] = (float)rgb[3 * x] * scale[0] + offset[0];
        green[x] = (float)rgb[3 * x + 1] * scale[1] + offset[1];
        blue[x] = (float)rgb[3 * x + 2] * scale[2] + offset[2];
    }
}

void scalar_enlarge_row(size_t width, const float *top, const float *bottom, float weight_bottom,
                        const int32_t *left, const float *weight, float *out)
{
    for (size_t x = 0; x < width; x++) {
        int32_t i = left[x];
        float upper = (1.0f - weight[x]) * top[i] + weight[x] * top[i + 1];
        float lower = (1.0f - weight[x]) * bottom[i] + weight[x] * bottom[i + 1];
        float logit = (1.0f - weight_bottom) * upper + weight_bottom * lower;
        out[x] = 1.0f / (1.0f + expf(-logit));
    }
}
