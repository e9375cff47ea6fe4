/* clipseg.h: zero-shot image segmentation with CLIPSeg checkpoints on the CPU.
 *
 * Two objects. A clipseg_model holds weights, configuration and tokenizer; it never changes after it was
 * opened and any number of threads may share it. A clipseg_session is the mutable side (threads, workspace,
 * the features of the current picture, the embeddings of known prompts); use one per thread.
 *
 *     clipseg_error error;
 *     clipseg_model *model = NULL;
 *     clipseg_session *session = NULL;
 *     clipseg_image image = {0};
 *     if (clipseg_model_open(&model, "path/to/clipseg-rd64-refined", NULL, &error) ||
 *         clipseg_session_create(&session, model, NULL, &error) ||
 *         clipseg_image_load(&image, "breakfast.jpg", NULL, &error) ||
 *         clipseg_session_set_image(session, &image, &error))            // the image tower runs once, here
 *         return fail(&error);
 *     const clipseg_prompt prompts[] = {clipseg_text("pancakes"), clipseg_text("orange juice")};
 *     float *probability = malloc(2 * image.width * image.height * sizeof(float));   // [prompts, height,
 * width] if (clipseg_session_masks(session, prompts, 2, probability, &error)) return fail(&error);
 *
 * Every fallible call returns CLIPSEG_OK (0) or another status and, when `error` is not NULL, fills it with
 * one line that names the file, the place in it, what is wrong and what to do. The library never prints,
 * never exits and never touches locale or signals. Strings are UTF-8. On failure the outputs are left
 * untouched unless said otherwise.
 *
 * Model: Lueddecke and Ecker, "Image Segmentation Using Text and Image Prompts" (arXiv 2112.10003); the
 * numbers equal those of Hugging Face transformers' CLIPSegForImageSegmentation.
 */
#ifndef CLIPSEG_H
#define CLIPSEG_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CLIPSEG_API __attribute__((visibility("default")))
#define CLIPSEG_FALLIBLE __attribute__((visibility("default"), warn_unused_result))
#else
#define CLIPSEG_API
#define CLIPSEG_FALLIBLE
#endif

#define CLIPSEG_VERSION "0.1.0"

/* The version of the library that is linked, for example "0.1.0". */
CLIPSEG_API const char *clipseg_version(void);

/* ---- Status and errors
 * -------------------------------------------------------------------------------------- */

/* The values are also the command's exit codes. */
typedef enum clipseg_status {
    CLIPSEG_OK = 0,
    CLIPSEG_ERROR_USAGE = 2, /* a call or a prompt that cannot be meant: empty text, bad UTF-8, wrong size */
    CLIPSEG_ERROR_MODEL = 3, /* the file is no model that this library accepts */
    CLIPSEG_ERROR_IMAGE = 4, /* the file is no picture that this library accepts */
    CLIPSEG_ERROR_IO = 5,    /* a file does not exist, may not be read, or cannot be written */
    CLIPSEG_ERROR_NETWORK = 6,      /* the other side did not answer, or not as it should */
    CLIPSEG_ERROR_MEMORY = 7,       /* out of memory */
    CLIPSEG_ERROR_PARTIAL = 8,      /* some items of a batch failed, the others are done */
    CLIPSEG_ERROR_INTERRUPTED = 130 /* the caller asked to stop */
} clipseg_status;

/* A few words for a status, in English, for example "model rejected". Never NULL. */
CLIPSEG_API const char *clipseg_status_string(clipseg_status status);

/* What went wrong. Owned by the caller; may be uninitialised before a call. */
typedef struct clipseg_error {
    clipseg_status status;
    char text[1024]; /* one line, UTF-8, without a newline at its end */
} clipseg_error;

/* ---- Pictures
 * ----------------------------------------------------------------------------------------------- */

/* An 8-bit picture, upright. A caller may fill this with its own memory; only pictures made by
 * clipseg_image_load* are to be freed with clipseg_image_free. */
typedef struct clipseg_image {
    size_t width, height;
    uint8_t *rgb;   /* [height, width, 3] */
    uint8_t *alpha; /* [height, width], or NULL for an opaque picture; the model does not look at it */
} clipseg_image;

typedef struct clipseg_image_options {
    size_t size;         /* sizeof(clipseg_image_options), set by clipseg_image_options_default */
    uint64_t max_pixels; /* larger pictures are refused before anything is allocated; default 178956970 as
                            Pillow */
    int keep_alpha;      /* fill `alpha` if the picture has transparency; default 0 */
} clipseg_image_options;

CLIPSEG_API void clipseg_image_options_default(clipseg_image_options *options);

/* Decode a picture, judged by its content (JPEG, PNG and what else was built in), turned upright as its EXIF
 * orientation says (as PIL.ImageOps.exif_transpose), and converted to RGB as Pillow's convert("RGB").
 * options: NULL for the defaults. Errors: IO, IMAGE, MEMORY. */
CLIPSEG_FALLIBLE clipseg_status clipseg_image_load(clipseg_image *image, const char *path,
                                                   const clipseg_image_options *options,
                                                   clipseg_error *error);

/* The same from memory. name: what to call it in an error message. */
CLIPSEG_FALLIBLE clipseg_status clipseg_image_load_memory(clipseg_image *image, const void *data, size_t size,
                                                          const char *name,
                                                          const clipseg_image_options *options,
                                                          clipseg_error *error);

/* Free what a load allocated and clear the struct. Harmless on a cleared one. */
CLIPSEG_API void clipseg_image_free(clipseg_image *image);

/* ---- Models
 * ------------------------------------------------------------------------------------------------- */

typedef struct clipseg_model clipseg_model;

typedef struct clipseg_model_options {
    size_t size;      /* sizeof(clipseg_model_options), set by clipseg_model_options_default */
    const char *cpu;  /* cap the instruction set: "scalar", "avx2", "avx512", "neon"; NULL: the best this
                         machine has */
    size_t threads;   /* for packing the weights; 0: all cores we may use */
    const char *clip; /* CLIP directory for an original decoder-only file; NULL: none */
} clipseg_model_options;

CLIPSEG_API void clipseg_model_options_default(clipseg_model_options *options);

/* Open a checkpoint, judged by its content: a Hugging Face directory (config.json, preprocessor_config.json,
 * vocab.json + merges.txt or tokenizer.json, and model.safetensors or pytorch_model.bin, whole or sharded), a
 * packed file that `clipseg convert` wrote, or with options->clip an original decoder file. Nothing in a
 * torch file is executed. options: NULL for the defaults. Errors: IO, MODEL, MEMORY, USAGE (unknown cpu).
 *
 * Files stay mapped while the model is open: a packed file must not be made shorter in that time (the process
 * would get SIGBUS); replacing it by renaming another one over it is safe. */
CLIPSEG_FALLIBLE clipseg_status clipseg_model_open(clipseg_model **model, const char *path,
                                                   const clipseg_model_options *options,
                                                   clipseg_error *error);

/* A file that lies in memory, with the name that it would have in the directory. */
typedef struct clipseg_file {
    const char *name; /* for example "config.json" */
    const void *data;
    size_t size;
} clipseg_file;

/* The same from memory: the files of a directory, or a packed file alone. The array may go after the call;
 * what its entries point to must outlive the model. A packed file that begins at a multiple of 64 bytes is
 * used where it lies. name: for messages. */
CLIPSEG_FALLIBLE clipseg_status clipseg_model_open_memory(clipseg_model **model, const char *name,
                                                          const clipseg_file *files, size_t count,
                                                          const clipseg_model_options *options,
                                                          clipseg_error *error);

/* Free the model and clear the pointer. All its sessions must be closed before. */
CLIPSEG_API void clipseg_model_close(clipseg_model **model);

typedef struct clipseg_model_info {
    size_t image_size;     /* S: the side of the square input, from the processor's configuration */
    size_t patch_size;     /* input sizes are multiples of this */
    size_t embedding_size; /* the length of a prompt's embedding */
    size_t
        context_length; /* tokens that a text prompt may have, start and end included; longer ones are cut */
    float logit_scale;  /* exp of CLIP's temperature parameter */
    int has_decoder;    /* 0: plain CLIP, which cannot segment */
    const char *cpu;    /* the kernels in use: "scalar", "avx2", ... */
} clipseg_model_info;

/* Facts of an open model. Strings live as long as the model. */
CLIPSEG_API void clipseg_model_get_info(const clipseg_model *model, clipseg_model_info *info);

/* CLIP's byte-pair encoding of a text, with start and end token, never cut.
 * ids: [capacity], may be NULL with capacity 0. count: always set to the number of tokens of the whole text.
 * Errors: USAGE (invalid UTF-8), MEMORY. */
CLIPSEG_FALLIBLE clipseg_status clipseg_tokenize(const clipseg_model *model, const char *text, size_t length,
                                                 int32_t *ids, size_t capacity, size_t *count,
                                                 clipseg_error *error);

/* ---- Prompts
 * ------------------------------------------------------------------------------------------------ */

/* What to look for: a phrase, a picture of the thing (visual prompt), a mix of both, or a ready embedding. */
typedef struct clipseg_prompt {
    const char *text;           /* NUL-terminated UTF-8, or NULL */
    const clipseg_image *image; /* or NULL */
    float image_weight;     /* a in a * image + (1 - a) * text; used only when both are given (paper, 3.3) */
    const float *embedding; /* [embedding_size]; when not NULL the rest is ignored */
} clipseg_prompt;

static inline clipseg_prompt clipseg_text(const char *text)
{
    clipseg_prompt prompt = {text, NULL, 0.0f, NULL};
    return prompt;
}

static inline clipseg_prompt clipseg_picture(const clipseg_image *image)
{
    clipseg_prompt prompt = {NULL, image, 1.0f, NULL};
    return prompt;
}

static inline clipseg_prompt clipseg_mix(const char *text, const clipseg_image *image, float image_weight)
{
    clipseg_prompt prompt = {text, image, image_weight, NULL};
    return prompt;
}

static inline clipseg_prompt clipseg_embedding(const float *embedding)
{
    clipseg_prompt prompt = {NULL, NULL, 0.0f, embedding};
    return prompt;
}

/* ---- Sessions
 * ----------------------------------------------------------------------------------------------- */

typedef struct clipseg_session clipseg_session;

/* How answers are brought to the picture's size. */
typedef enum clipseg_refine {
    CLIPSEG_REFINE_OFF = 0,  /* bilinear enlargement: blurred borders, the reference's numbers */
    CLIPSEG_REFINE_FAST = 1, /* borders follow the photograph's edges */
    CLIPSEG_REFINE_BEST = 2  /* the same, looking more closely; takes 1.4 to 2 times as long */
} clipseg_refine;

typedef struct clipseg_session_options {
    size_t size;           /* sizeof(clipseg_session_options), set by clipseg_session_options_default */
    size_t threads;        /* 0: all cores we may use */
    size_t input_size;     /* S, a multiple of the patch size; 0: what the processor's configuration says */
    clipseg_refine refine; /* what clipseg_session_masks does; default CLIPSEG_REFINE_FAST */
    int image_embedding;   /* set_image also computes CLIP's embedding of the picture (a few more layers) */
} clipseg_session_options;

CLIPSEG_API void clipseg_session_options_default(clipseg_session_options *options);

/* Start threads and allocate the workspace; nothing is allocated in a forward pass after this.
 * The model must outlive the session. options: NULL for the defaults. Errors: USAGE (input size), MEMORY. */
CLIPSEG_FALLIBLE clipseg_status clipseg_session_create(clipseg_session **session, const clipseg_model *model,
                                                       const clipseg_session_options *options,
                                                       clipseg_error *error);

/* Stop the threads, free everything, clear the pointer. */
CLIPSEG_API void clipseg_session_close(clipseg_session **session);

/* The side of this session's input in pixels. */
CLIPSEG_API size_t clipseg_session_input_size(const clipseg_session *session);

/* S: the side of this session's logits; equal to the input's for all released models (16-pixel patches). 0
 * without a decoder. */
CLIPSEG_API size_t clipseg_session_logits_size(const clipseg_session *session);

/* Resize and normalise a picture and run the image tower up to the deepest layer that the decoder reads.
 * The session keeps the features and, for refinement, where the picture lies: image->rgb must stay valid
 * while clipseg_session_masks is called, unless the session's `refine` is off. Errors: MODEL (a CLIP model
 * without decoder), MEMORY. */
CLIPSEG_FALLIBLE clipseg_status clipseg_session_set_image(clipseg_session *session,
                                                          const clipseg_image *image, clipseg_error *error);

/* The decoder's raw answer for the current picture: logits [count, S, S].
 * Embeddings of known texts are kept. Errors: USAGE (no picture set, bad prompt), MEMORY. */
CLIPSEG_FALLIBLE clipseg_status clipseg_session_logits(clipseg_session *session,
                                                       const clipseg_prompt *prompts, size_t count,
                                                       float *logits, clipseg_error *error);

/* Probabilities at the picture's own size, [count, height, width] of the picture that was set: refined as
 * clipseg_refiner_mask does with a threshold of 0.5, or, with CLIPSEG_REFINE_OFF, enlarged as
 * clipseg_session_enlarge does. What refinement needs to know of a picture is found out once, at the first
 * call. Errors as clipseg_session_logits. */
CLIPSEG_FALLIBLE clipseg_status clipseg_session_masks(clipseg_session *session, const clipseg_prompt *prompts,
                                                      size_t count, float *probability, clipseg_error *error);

/* The embedding that conditions the decoder, not normalised: embedding [embedding_size]. This is CLIP's text
 * or image embedding, or their mix. Errors: USAGE (bad prompt), MEMORY. */
CLIPSEG_FALLIBLE clipseg_status clipseg_session_embed(clipseg_session *session, const clipseg_prompt *prompt,
                                                      float *embedding, clipseg_error *error);

/* CLIP's image embeddings of `count` pictures, not normalised: embeddings [count, embedding_size]. The same
 * numbers as clipseg_session_embed gives for each, but several pictures go through the tower at once, which
 * is faster for small inputs. The picture that was set stays set. Errors: MEMORY. */
CLIPSEG_FALLIBLE clipseg_status clipseg_session_embed_images(clipseg_session *session,
                                                             const clipseg_image *const *images, size_t count,
                                                             float *embeddings, clipseg_error *error);

/* The square that the model sees of a picture, S x S: resized, and cut to the centre where the model wants
 * that. Using it in place of the picture gives the same embedding. Any thread may call this while the session
 * works, so that pictures can be decoded and made small beside it. prepared: freed with clipseg_image_free.
 * Errors: MEMORY. */
CLIPSEG_FALLIBLE clipseg_status clipseg_session_prepare_image(const clipseg_session *session,
                                                              const clipseg_image *image,
                                                              clipseg_image *prepared, clipseg_error *error);

/* How many pictures go through the tower at once, 1 to 16: multiples of this use it best. */
CLIPSEG_API size_t clipseg_session_batch(const clipseg_session *session);

/* One embedding for several prompts that mean the same, such as a phrase in several templates ("a photo of a
 * {}."), as CLIP's authors average them: every one normalised, the mean, normalised; then scaled to the
 * parts' mean length, since the decoder wants embeddings that are not normalised. prompts: [count], count >=
 * 1; one alone comes out as it is. Errors: as clipseg_session_embed. */
CLIPSEG_FALLIBLE clipseg_status clipseg_session_embed_average(clipseg_session *session,
                                                              const clipseg_prompt *prompts, size_t count,
                                                              float *embedding, clipseg_error *error);

/* How an object is set off from its picture before the model is shown it (paper, 3.3). All three together are
 * the paper's best variant. */
enum clipseg_prepare {
    CLIPSEG_PREPARE_CROP = 1,  /* to the object's box, moved out by 10 %, padded to a square */
    CLIPSEG_PREPARE_BLUR = 2,  /* what is around the object: Gaussian, 15 x 15, sigma 3 */
    CLIPSEG_PREPARE_DARKEN = 4 /* what is around it: to a tenth of its distance from the mean colour */
};

/* The embedding of an object in a picture (visual prompt). mask: [height, width], 255 inside the object, 0
 * outside, soft edges allowed; NULL: the picture's alpha, or the whole picture. prepare: a selection of
 * clipseg_prepare; 0 shows the whole picture. embedding: [embedding_size]. shown: [S, S, 3], S the session's
 * input size: what the model was shown, as 8-bit colours; or NULL. Errors: USAGE (an empty mask), MEMORY. */
CLIPSEG_FALLIBLE clipseg_status clipseg_session_embed_object(clipseg_session *session,
                                                             const clipseg_image *image, const uint8_t *mask,
                                                             unsigned prepare, float *embedding,
                                                             uint8_t *shown, clipseg_error *error);

/* CLIP's embedding of the picture that was set last: [embedding_size], or NULL when there is none or the
 * session was not created with `image_embedding`. Valid until the next picture. */
CLIPSEG_API const float *clipseg_session_image_embedding(const clipseg_session *session);

/* Is the thing in the current picture at all? For every prompt the smallest of its softmaxes against four
 * phrases that fit every picture ("object", "things", "stuff", "texture"), by CLIP's scaled cosines with the
 * picture's embedding: above 0.5 the prompt fits better than any of them. Of use for texts; a picture is more
 * alike to every picture than any text is. The session wants the option `image_embedding`. presence: [count].
 * Errors: USAGE (no picture set, bad prompt), MEMORY. */
CLIPSEG_FALLIBLE clipseg_status clipseg_session_presence(clipseg_session *session,
                                                         const clipseg_prompt *prompts, size_t count,
                                                         float *presence, clipseg_error *error);

/* Enlarge logits [S, S] to probabilities [height, width]: bilinearly (align_corners false), then the sigmoid.
 * Errors: MEMORY. */
CLIPSEG_FALLIBLE clipseg_status clipseg_session_enlarge(clipseg_session *session, const float *logits,
                                                        size_t width, size_t height, float *probability,
                                                        clipseg_error *error);

/* ---- Crisp edges
 * ------------------------------------------------------------------------------------------------ */

typedef struct clipseg_refine_options {
    size_t size;         /* sizeof(clipseg_refine_options), set by clipseg_refine_options_default */
    clipseg_refine mode; /* default CLIPSEG_REFINE_FAST */
    float trust;    /* in the model against the photograph's edges, 0..4: 0 follows the edges wherever they
                       lead, 4 stays near bilinear enlargement; default 0.8 */
    float contrast; /* of the coverage around the border, 1..64: 1 leaves it soft; default 8 */
} clipseg_refine_options;

CLIPSEG_API void clipseg_refine_options_default(clipseg_refine_options *options);

/* What is known about one picture's edges. Uses the session's threads: not while the session works. */
typedef struct clipseg_refiner clipseg_refiner;

/* Prepare for a picture, which must stay as it is until the refiner is closed; close it before the session.
 * The session need not have seen the picture. options: NULL for the defaults.
 * Memory: about 16 bytes for each of at most 607,500 pixels that it works with (three times as many with
 * CLIPSEG_REFINE_BEST), and 0.5 to 1 MB a thread. Errors: MODEL (no decoder), MEMORY, USAGE (an option out of
 * range). */
CLIPSEG_FALLIBLE clipseg_status clipseg_refiner_create(clipseg_refiner **refiner, clipseg_session *session,
                                                       const clipseg_image *image,
                                                       const clipseg_refine_options *options,
                                                       clipseg_error *error);

/* One mask. logits: [S, S] of the session; threshold: where the border lies, a probability in 0..1. Of the
 * outputs, [height, width] of the picture, either may be NULL:
 * probability: above the threshold inside and not above it outside; where refinement moved the border,
 * half-way between threshold and certainty, elsewhere as large as the model says. alpha: how much of the
 * pixel belongs to the thing, 255 all. When no border crosses the logits, or the photograph's edges
 * contradict the model altogether, the probability is that of clipseg_session_enlarge. NaN counts as not
 * found, infinities as +-30. Errors: MEMORY. */
CLIPSEG_FALLIBLE clipseg_status clipseg_refiner_mask(clipseg_refiner *refiner, const float *logits,
                                                     float threshold, float *probability, uint8_t *alpha,
                                                     clipseg_error *error);

/* Free it and clear the pointer. */
CLIPSEG_API void clipseg_refiner_close(clipseg_refiner **refiner);

/* ---- Expressions
 * ------------------------------------------------------------------------------------------------ */

/* Logits of a prompt as the command line takes it: a phrase, or an expression where AND, OR or NOT in
 * capitals or a modifier like {+5px} stands outside double quotes ("face AND NOT (hair OR hat){+5px}"; the
 * grammar is in docs/prompts.md). On probabilities AND is the smaller, OR the larger, NOT 1 - x; an
 * expression's logits lie within +-30. logits: [S, S]. Errors: USAGE (no picture set; a broken expression,
 * with its column), MEMORY. */
CLIPSEG_FALLIBLE clipseg_status clipseg_session_expression(clipseg_session *session, const char *text,
                                                           float *logits, clipseg_error *error);

/* ---- Shapes of masks
 * ------------------------------------------------------------------------------------------------ */

/* What to do with a mask, in this order. Lengths and areas in pixels, 0: not that. */
typedef struct clipseg_shape_options {
    size_t size;     /* sizeof(clipseg_shape_options), set by clipseg_shape_options_default */
    double min_area; /* drop parts (8-connected) of fewer pixels */
    int fill_holes;  /* fill what is enclosed */
    double grow;     /* everything not further away than this, by the Euclidean distance of pixel centres */
    double shrink;   /* the same of the outside; after growing, so that both close gaps */
    int invert;      /* swap inside and outside */
    double feather;  /* make edges linear ramps of this width, centred on the edge */
} clipseg_shape_options;

CLIPSEG_API void clipseg_shape_options_default(clipseg_shape_options *options);

/* What is above the threshold, reshaped: 1 inside, 0 outside, between them only on feathered edges, whose
 * middle is 0.5. probability: [height, width], of any picture, changed in place. Linear in the pixels.
 * Errors: MEMORY. */
CLIPSEG_FALLIBLE clipseg_status clipseg_session_reshape(clipseg_session *session, float *probability,
                                                        size_t width, size_t height, float threshold,
                                                        const clipseg_shape_options *options,
                                                        clipseg_error *error);

#ifdef __cplusplus
}
#endif
#endif
