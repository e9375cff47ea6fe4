/* colour.c: colours for probabilities and for labels. */
#include <math.h>

#include "output/output.h"
#include "output/viridis.h"

void colour_viridis(float value, uint8_t rgb[3])
{
    int index = value > 0.0f ? (int)(value * 255.0f + 0.5f) : 0; /* NaN is not above 0 */

    index = index > 255 ? 255 : index;
    for (size_t c = 0; c < 3; c++)
        rgb[c] = viridis[index][c];
}

/* Hue, saturation and value, all 0..1, to 8-bit RGB. */
static void hsv_to_rgb(double hue, double saturation, double value, uint8_t rgb[3])
{
    for (int c = 0; c < 3; c++) {
        double k = fmod((double)(5 - 2 * c) + hue * 6.0, 6.0);
        double ramp = fmax(0.0, fmin(fmin(k, 4.0 - k), 1.0));
        rgb[c] = (uint8_t)(255.0 * (value - value * saturation * ramp) + 0.5);
    }
}

/* Hues at the golden angle are far apart for any number of labels; every round of twelve is a little darker.
 */
void colour_label(size_t label, uint8_t rgb[3])
{
    if (!label) {
        rgb[0] = rgb[1] = rgb[2] = 0;
        return;
    }
    double hue = fmod(0.02 + 0.61803398875 * (double)(label - 1), 1.0);
    size_t round = (label - 1) / 12 % 3;
    hsv_to_rgb(hue, 0.78 - 0.12 * (double)round, 0.98 - 0.22 * (double)round, rgb);
}
