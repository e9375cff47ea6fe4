/* measure.c: area, box and probabilities of a mask. */
#include "output/measure.h"

struct measure measure_mask(const float *probability, size_t width, size_t height, float threshold)
{
    struct measure m = {.left = width, .top = height};
    size_t right = 0, bottom = 0; /* exclusive */
    double sum = 0.0, inside = 0.0;

    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            float p = *probability++;
            sum += (double)p;
            m.maximum = (double)p > m.maximum ? (double)p : m.maximum;
            if (!(p > threshold))
                continue;
            inside += (double)p;
            m.area++;
            m.left = x < m.left ? x : m.left;
            right = x + 1 > right ? x + 1 : right;
            m.top = y < m.top ? y : m.top;
            bottom = y + 1;
        }
    m.mean = sum / ((double)width * (double)height);
    m.score = m.area ? inside / (double)m.area : 0.0;
    m.left = m.area ? m.left : 0;
    m.top = m.area ? m.top : 0;
    m.width = right - m.left;
    m.height = bottom - m.top;
    return m;
}
