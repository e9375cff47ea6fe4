/* index_model.c: recognising the model of an index by its answers. */
#include "cli/search/index_model.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "index/vector.h"

#define PHRASE "a photo of a known thing"
#define WIDTH 96
#define HEIGHT 64
#define NEARLY_THE_SAME 0.98 /* weights of fewer bits stay above; other models are far below */

/* Waves of three colours: something at every scale, and the same on every machine. */
static void draw(uint8_t *rgb)
{
    for (unsigned y = 0; y < HEIGHT; y++)
        for (unsigned x = 0; x < WIDTH; x++, rgb += 3) {
            rgb[0] = (uint8_t)(x * 255 / (WIDTH - 1));
            rgb[1] = (uint8_t)((x * x + y * y) / 16);
            rgb[2] = (uint8_t)(y / 8 % 2 == x / 12 % 2 ? 220 : 40);
        }
}

static clipseg_status embed(struct index_model *m, const clipseg_model *model,
                            const struct model_choice *choice, bool pictures, clipseg_error *error)
{
    static uint8_t rgb[WIDTH * HEIGHT * 3];
    const clipseg_image image = {.width = WIDTH, .height = HEIGHT, .rgb = rgb};
    const clipseg_prompt text = clipseg_text(PHRASE), picture = clipseg_picture(&image);
    clipseg_session *session = NULL;
    clipseg_session_options options;

    draw(rgb);
    clipseg_session_options_default(&options);
    options.threads = choice->threads;
    clipseg_status status = clipseg_session_create(&session, model, &options, error);
    if (!status)
        status = clipseg_session_embed(session, &text, m->text, error);
    if (!status && pictures)
        status = clipseg_session_embed(session, &picture, m->picture, error);
    clipseg_session_close(&session);
    vector_normalize(m->text, m->dimension);
    vector_normalize(m->picture, m->dimension);
    return status;
}

clipseg_status index_model_measure(struct index_model *measured, const clipseg_model *model,
                                   const struct model_choice *choice, bool pictures, clipseg_error *error)
{
    const char *name = choice->model ? choice->model : getenv("CLIPSEG_MODEL");
    clipseg_model_info info;

    name = name && *name ? name : "demo";
    clipseg_model_get_info(model, &info);
    *measured = (struct index_model){.name = strcmp(name, "demo") ? realpath(name, NULL) : NULL,
                                     .dimension = info.embedding_size};
    if (!measured->name) /* demo, or an id of the hub */
        measured->name = memory_string(name, strlen(name));
    measured->text = memory_zeroed(info.embedding_size, sizeof *measured->text);
    measured->picture = memory_zeroed(info.embedding_size, sizeof *measured->picture);
    if (!measured->name || !measured->text || !measured->picture)
        return error_memory(error);
    return embed(measured, model, choice, pictures, error);
}

clipseg_status index_model_check(const struct index_model *measured, const struct database_facts *facts,
                                 bool pictures, const char *path, clipseg_error *error)
{
    size_t n = measured->dimension;

    if (n == facts->dimension && vector_product(measured->text, facts->text, n) > NEARLY_THE_SAME &&
        (!pictures || vector_product(measured->picture, facts->picture, n) > NEARLY_THE_SAME))
        return CLIPSEG_OK;
    return error_set(
        error, CLIPSEG_ERROR_USAGE,
        "%s: was built with the model %s, whose vectors are others than those of %s; name that one with "
        "-m, or another index",
        path, facts->model, measured->name);
}

void index_model_free(struct index_model *measured)
{
    free(measured->name);
    free(measured->text);
    free(measured->picture);
    *measured = (struct index_model){0};
}
