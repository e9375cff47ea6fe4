/* thumbnail.c: small pictures by averaging whole pixels. */
#include "output/thumbnail.h"

#include "base/checked.h"

void thumbnail_size(size_t width, size_t height, size_t side, size_t *small_width, size_t *small_height)
{
    size_t longest = size_max(width, height);

    *small_width = longest <= side ? width : size_max(1, (width * side + longest / 2) / longest);
    *small_height = longest <= side ? height : size_max(1, (height * side + longest / 2) / longest);
}

void thumbnail_rgb(const clipseg_image *image, size_t width, size_t height, uint8_t *rgb)
{
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            size_t top = y * image->height / height, bottom = (y + 1) * image->height / height;
            size_t left = x * image->width / width, right = (x + 1) * image->width / width;
            uint64_t sum[3] = {0}, count = size_max(1, (bottom - top) * (right - left));
            for (size_t v = top; v < bottom; v++) {
                const uint8_t *row = image->rgb + 3 * (v * image->width + left);
                for (size_t i = 0; i < 3 * (right - left); i += 3)
                    for (size_t c = 0; c < 3; c++)
                        sum[c] += row[i + c];
            }
            for (size_t c = 0; c < 3; c++)
                *rgb++ = (uint8_t)((sum[c] + count / 2) / count);
        }
}

void thumbnail_grey(const float *values, size_t width, size_t height, size_t small_width, size_t small_height,
                    uint8_t *grey)
{
    for (size_t y = 0; y < small_height; y++)
        for (size_t x = 0; x < small_width; x++) {
            size_t top = y * height / small_height, bottom = (y + 1) * height / small_height;
            size_t left = x * width / small_width, right = (x + 1) * width / small_width;
            double sum = 0.0;
            for (size_t v = top; v < bottom; v++)
                for (size_t u = left; u < right; u++)
                    sum += (double)values[v * width + u];
            *grey++ = (uint8_t)(255.0 * sum / (double)((bottom - top) * (right - left)) + 0.5);
        }
}
