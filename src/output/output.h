/* output.h: results to files: one file per format behind one table. */
#ifndef OUTPUT_OUTPUT_H
#define OUTPUT_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "clipseg.h"
#include "output/category.h"

/* One picture and what was asked of it; the answers stream by, one prompt after the other. */
struct result {
    const char *image_name;     /* as the user gave it */
    const char *base;           /* files about it are called base + suffix; NULL: stdout */
    const char *file_name;      /* what a data set calls it: its path below the folder that was named */
    size_t number;              /* its position among all inputs, from 1 */
    const clipseg_image *image; /* upright */
    size_t prompt_count;
    const char *const *prompts;        /* [prompt_count] titles, UTF-8 */
    const struct category *categories; /* [prompt_count] what each answer stands for */
    size_t size;                       /* S, the side of the logits */
    float threshold;                   /* a pixel counts when its probability is larger */
    double tolerance;                  /* of polygons, in pixels */
    const uint8_t *cutout_colour;      /* [3], or NULL: cut-outs are transparent */
    bool soft;                         /* masks have soft edges: probabilities are how much of a pixel is
                                          inside */
    const uint16_t *labels;            /* [height, width], in `end` of formats that need it: the number of the
                                          prompt that owns the pixel, from 1; 0 none; UINT16_MAX undecided */
};

/* The answer to one prompt. */
struct answer {
    size_t prompt;            /* 0.. */
    const float *logits;      /* [S, S] */
    const float *probability; /* [height, width]; NULL when no chosen format needs it. Where masks are
                                 reshaped (grown, inverted, ...): 1 inside, 0 outside */
    const uint8_t *alpha;     /* [height, width]: how much of each pixel belongs to it; NULL likewise */
    float maximum, mean;      /* of the probability, before that */
    float presence;           /* is the thing there at all? NaN: unknown */
};

/* A file that is being written. */
struct output {
    const struct result *result;
    FILE *stream;
    void *state;                  /* the format's own, from `begin`; freed in the end */
    void (*release)(void *state); /* frees what the state owns, before that; NULL: nothing */
};

/* A run over many pictures, for the files that speak of all of them. */
struct dataset {
    const struct category *categories; /* [category_count], each once */
    size_t category_count;
    struct dataset_picture {
        const char *name; /* the result's file_name */
        char *fragment;   /* the path of what begin, add and end wrote; NULL unless format->fragments */
    } * pictures;         /* [picture_count] those that are done, in the order of the inputs */
    size_t picture_count;
    float threshold;
};

/* A file that is put together when all pictures are done. */
struct dataset_file {
    const char *name; /* below the folder of the results */
    clipseg_status (*assemble)(const struct dataset *dataset, FILE *stream, clipseg_error *error);
};

struct format {
    const char *name;   /* -f NAME */
    const char *suffix; /* ".mask.png" */
    const char *help;   /* one line */
    const char *folder; /* below the folder of the results, for a fixed layout; NULL: none */
    bool per_prompt;    /* one file for each prompt: begin, one add, end */
    bool needs_probability;
    bool needs_alpha;
    bool needs_labels;                /* reads result->labels in `end`; `add` may be NULL */
    bool fragments;                   /* what is written per picture is kept for `files` only */
    const struct dataset_file *files; /* NULL: none; ends with a name of NULL */
    clipseg_status (*begin)(struct output *output, clipseg_error *error); /* NULL: nothing to do */
    clipseg_status (*add)(struct output *output, const struct answer *answer, clipseg_error *error);
    clipseg_status (*end)(struct output *output, clipseg_error *error); /* NULL: nothing to do */
};

extern const struct format format_mask, format_cutout, format_heatmap, format_overlay, format_labels,
    format_figure, format_npy, format_json, format_coco, format_coco_polygons, format_coco_results,
    format_yolo, format_labelme, format_labelme_masks, format_labelstudio, format_labelstudio_polygons,
    format_cvat, format_cvat_polygons, format_segments, format_voc, format_npz, format_npz_compressed,
    format_report;
extern const struct format *const output_formats[]; /* ends with NULL */

/* NULL when there is none. */
const struct format *output_find(const char *name);

/* After `end`, or instead of it: free the state. */
void output_release(struct output *output);

/* Copy a fragment into a stream. Errors: IO, MEMORY. */
clipseg_status output_copy(const char *path, FILE *stream, clipseg_error *error);

/* "NN-slug" for a prompt: letters and digits of any script, runs of others as '-', the slug at most 40 bytes
 * and cut at a character's end. out: [64] */
void output_slug(char *out, size_t number, const char *prompt);

/* ---- segments.c */

/* Segments.ai's bitmap of a label map [height, width]. Errors: IO, MEMORY, USAGE (an id beyond 24 bits). */
clipseg_status segments_write(FILE *stream, const struct result *result, const uint16_t *labels,
                              clipseg_error *error);

/* ---- frames.c: mask and overlay as bare pixels, for video */

extern const struct format format_mask_frame;    /* [height, width], 0 or 255 */
extern const struct format format_overlay_frame; /* [height, width, 3] */

/* ---- png.c: through libspng; the same pixels give the same bytes */

enum png_layout { PNG_GREY8, PNG_GREY16, PNG_RGB8, PNG_RGBA8, PNG_PALETTE8 };

struct png_palette {
    size_t count;
    uint8_t rgb[256][3];
};

/* pixels: rows without padding; 16-bit values in the machine's order. Errors: IO, MEMORY. */
clipseg_status png_write(FILE *stream, enum png_layout layout, size_t width, size_t height,
                         const void *pixels, const struct png_palette *palette, clipseg_error *error);

/* ---- overlay.c */

/* The picture with what is above the threshold tinted and outlined, the rest a little dimmed. probability:
 * [height, width]; rgb: [height, width, 3], may be the picture's own. */
void overlay_paint(const clipseg_image *image, const float *probability, float threshold,
                   const uint8_t colour[3], uint8_t *rgb);

/* ---- figure_module.c */

struct figure;

/* Draw a figure (figure/figure.h) and write it as PNG; figure_check says beforehand whether that is possible.
 * Errors: USAGE (no module), IO, MEMORY. */
clipseg_status figure_check(clipseg_error *error);
clipseg_status figure_write(const struct figure *figure, FILE *stream, clipseg_error *error);

/* ---- jpeg.c */

/* rgb: [height, width, 3]. quality: 0..100. Errors: IO. */
clipseg_status jpeg_write(FILE *stream, size_t width, size_t height, const uint8_t *rgb, int quality,
                          clipseg_error *error);

/* ---- colour.c */

void colour_viridis(float value, uint8_t rgb[3]); /* 0..1, clamped; NaN as 0 */
void colour_label(size_t label, uint8_t rgb[3]);  /* 0 is black, the others are distinct */

#endif
