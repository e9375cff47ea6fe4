/* output.h: results to files: one writer per format behind one table. */
#ifndef OUTPUT_OUTPUT_H
#define OUTPUT_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "clipseg.h"

/* What there is to write about one picture. Not every writer needs everything; a writer's `needs` says what. */
struct result {
    const char *image_name;     /* as the user gave it */
    const clipseg_image *image; /* upright */
    size_t prompt_count;
    const char *const *prompts; /* titles, UTF-8 */
    size_t size;                /* S */
    const float *logits;        /* [prompt_count, S, S] */
    const float *probability;   /* [prompt_count, height, width], or for a per-prompt writer that of `prompt` alone,
                                   [height, width] */
    size_t prompt;              /* for per-prompt writers: which one is meant */
    float threshold;
    const uint16_t *labels;     /* [height, width], 0 none, else prompt's number from 1; NULL unless needed */
};

enum result_need { NEED_LOGITS = 1, NEED_PROBABILITY = 2, NEED_LABELS = 4 };

struct writer {
    const char *name;   /* -f NAME */
    const char *suffix; /* ".mask.png" */
    bool per_prompt;    /* one file for each prompt */
    unsigned needs;
    const char *help;   /* one line */
    clipseg_status (*write)(FILE *stream, const struct result *result, clipseg_error *error);
};

extern const struct writer *const output_writers[]; /* ends with NULL */

/* NULL when there is none. */
const struct writer *output_find(const char *name);

/* "NN-slug" for a prompt: letters and digits of any script, runs of others as '-', at most 40 bytes of slug, cut at a
 * character's end. out: [64]. */
void output_slug(char *out, size_t number, const char *prompt);

/* ---- png_write.c: through libspng, deterministic bytes. stride in bytes. */
enum png_layout { PNG_GREY8, PNG_GREY16, PNG_RGB8, PNG_RGBA8, PNG_PALETTE8 };
struct png_palette { size_t count; uint8_t rgb[256][3]; };
clipseg_status png_write(FILE *stream, enum png_layout layout, size_t width, size_t height, const void *pixels,
                         size_t stride, const struct png_palette *palette, clipseg_error *error);

/* ---- colour.c */
void colour_viridis(float value, uint8_t rgb[3]);             /* 0..1, clamped */
void colour_label(size_t label, uint8_t rgb[3]);              /* distinct colours; 0 is black */

#endif
