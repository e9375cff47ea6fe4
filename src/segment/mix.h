/* mix.h: a prompt made of several parts: cup.jpg*0.7 + "a paper cup"*0.3
 *
 *     mix  = part {"+" part}             a + with space around it
 *     part = what ["*" weight]           without weights all count the same
 *     what = "a phrase in double quotes" | 'a picture in single quotes' | picture.jpg@region | @saved.prompt
 */
#ifndef SEGMENT_MIX_H
#define SEGMENT_MIX_H

#include "clipseg.h"

#define MIX_MOST 16

enum mix_kind { MIX_TEXT, MIX_PICTURE, MIX_SAVED };

struct mix {
    struct mix_part {
        enum mix_kind kind;
        char *value;
        double weight; /* above 0; all together 1 */
    } parts[MIX_MOST];
    size_t count;
};

/* Errors: USAGE with the column, MEMORY. */
clipseg_status mix_parse(struct mix *mix, const char *text, clipseg_error *error);

void mix_free(struct mix *mix);

#endif
