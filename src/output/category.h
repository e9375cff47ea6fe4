/* category.h: what a data set calls a thing. */
#ifndef OUTPUT_CATEGORY_H
#define OUTPUT_CATEGORY_H

#include <stdint.h>

/* Plain prompts are categories too: their position from 1, their text, colour_label of the position. */
struct category {
    uint32_t id; /* 1..; 0 means: nothing */
    const char *name;
    uint8_t colour[3];
};

#endif
