/* saved_prompt.c: reading, checking and writing saved prompts. */
#include "segment/saved_prompt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "segment/session.h"

#define LARGEST 65536     /* numbers of an embedding */
#define TOLERANCE 0.1     /* relative difference of fingerprints: int8 weights give 0.02, other models 1.4 */
#define PHRASE "a photo." /* what the fingerprint is the embedding of */

/* ---- reading */

/* A member that is an array of finite numbers. out: NULL, or [count] */
static clipseg_status read_numbers(const json_t *root, const char *key, size_t most, float *out,
                                   size_t *count, const char *name, clipseg_error *error)
{
    const json_t *list = json_object_get(root, key);

    *count = json_array_size(list);
    if (!*count || *count > most)
        return error_set(error, CLIPSEG_ERROR_USAGE, "%s: %s: want a list of 1 to %zu numbers", name, key,
                         most);
    for (size_t i = 0; i < *count; i++) {
        double value = json_number_value(json_array_get(list, i));
        if (!json_is_number(json_array_get(list, i)) || !isfinite(value) || fabs(value) > 1e6)
            return error_set(error, CLIPSEG_ERROR_USAGE, "%s: %s: entry %zu is no acceptable number", name,
                             key, i);
        if (out)
            out[i] = (float)value;
    }
    return CLIPSEG_OK;
}

static clipseg_status read_text(const json_t *root, const char *key, const char *name, char **out,
                                clipseg_error *error)
{
    const json_t *member = json_object_get(root, key);

    if (!json_is_string(member) || !json_string_length(member))
        return error_set(error, CLIPSEG_ERROR_USAGE, "%s: %s: want a text", name, key);
    *out = memory_string(json_string_value(member), json_string_length(member));
    return *out ? CLIPSEG_OK : error_memory(error);
}

static clipseg_status read_embedding(struct saved_prompt *prompt, const json_t *root, const char *name,
                                     clipseg_error *error)
{
    clipseg_status status = read_numbers(root, "embedding", LARGEST, NULL, &prompt->size, name, error);

    if (status)
        return status;
    prompt->embedding = memory_zeroed(prompt->size, sizeof *prompt->embedding);
    if (!prompt->embedding)
        return error_memory(error);
    return read_numbers(root, "embedding", LARGEST, prompt->embedding, &prompt->size, name, error);
}

static clipseg_status read_members(struct saved_prompt *prompt, const json_t *root, const char *name,
                                   clipseg_error *error)
{
    const json_t *format = json_object_get(root, "format"), *version = json_object_get(root, "version");
    clipseg_status status;

    if (!json_is_string(format) || strcmp(json_string_value(format), "clipseg-prompt") != 0)
        return error_set(
            error, CLIPSEG_ERROR_USAGE,
            "%s: no saved prompt; clipseg prompt makes them (a phrase that begins with @ goes into "
            "double quotes)",
            name);
    if (json_integer_value(version) != 1)
        return error_set(error, CLIPSEG_ERROR_USAGE, "%s: want version 1; made by a later clipseg?", name);
    if (!json_is_boolean(json_object_get(root, "picture")))
        return error_set(error, CLIPSEG_ERROR_USAGE, "%s: picture: want true or false", name);
    prompt->is_visual = json_is_true(json_object_get(root, "picture"));
    if ((status = read_text(root, "title", name, &prompt->title, error)) != CLIPSEG_OK ||
        (status = read_text(root, "made of", name, &prompt->recipe, error)) != CLIPSEG_OK ||
        (status = read_numbers(root, "model", FINGERPRINT_SIZE, prompt->fingerprint,
                               &prompt->fingerprint_size, name, error)) != CLIPSEG_OK)
        return status;
    return read_embedding(prompt, root, name, error);
}

clipseg_status saved_prompt_read(struct saved_prompt *prompt, const void *data, size_t size, const char *name,
                                 clipseg_error *error)
{
    json_t *root = NULL;
    clipseg_status status =
        json_parse_limited(&root, data, size, JSON_LARGEST_CONFIG, name, CLIPSEG_ERROR_USAGE, error);

    *prompt = (struct saved_prompt){0};
    if (!status)
        status = read_members(prompt, root, name, error);
    json_decref(root);
    if (status)
        saved_prompt_free(prompt);
    return status;
}

void saved_prompt_free(struct saved_prompt *prompt)
{
    free(prompt->title);
    free(prompt->recipe);
    free(prompt->embedding);
    *prompt = (struct saved_prompt){0};
}

/* ---- the model's fingerprint */

clipseg_status saved_prompt_sign(struct saved_prompt *prompt, clipseg_session *session, clipseg_error *error)
{
    size_t size = session->model->config.projection;
    clipseg_prompt phrase = clipseg_text(PHRASE);
    float *embedding = memory_zeroed(size, sizeof *embedding);
    clipseg_status status =
        embedding ? clipseg_session_embed(session, &phrase, embedding, error) : error_memory(error);

    if (!status) {
        prompt->fingerprint_size = size_min(size, FINGERPRINT_SIZE);
        memcpy(prompt->fingerprint, embedding, prompt->fingerprint_size * sizeof *embedding);
    }
    free(embedding);
    return status;
}

clipseg_status saved_prompt_check(const struct saved_prompt *prompt, clipseg_session *session,
                                  const char *name, clipseg_error *error)
{
    struct saved_prompt own = {0};
    double difference = 0.0, length = 0.0;
    clipseg_status status = saved_prompt_sign(&own, session, error);

    if (status)
        return status;
    for (size_t i = 0; i < own.fingerprint_size; i++) {
        double here = (double)own.fingerprint[i], there = (double)prompt->fingerprint[i];
        difference += (here - there) * (here - there);
        length += here * here;
    }
    if (prompt->size != session->model->config.projection ||
        prompt->fingerprint_size != own.fingerprint_size || sqrt(difference) > TOLERANCE * sqrt(length))
        return error_set(error, CLIPSEG_ERROR_MODEL,
                         "%s: was made with another model than %s; make it again with this one (clipseg "
                         "prompt)",
                         name, session->model->checkpoint.name);
    return CLIPSEG_OK;
}

/* ---- writing */

/* Nine digits bring back the same float. */
static void write_numbers(struct buffer *text, const float *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buffer_format(text, "%s%.9g", i == 0 ? "[" : i % 8 ? ", " : ",\n    ", (double)numbers[i]);
    buffer_text(text, "]");
}

void saved_prompt_write(const struct saved_prompt *prompt, struct buffer *text)
{
    buffer_text(text, "{\"format\": \"clipseg-prompt\", \"version\": 1,\n  \"title\": ");
    buffer_json_string(text, prompt->title);
    buffer_text(text, ",\n  \"made of\": ");
    buffer_json_string(text, prompt->recipe);
    buffer_format(text, ",\n  \"picture\": %s,\n  \"model\": ", prompt->is_visual ? "true" : "false");
    write_numbers(text, prompt->fingerprint, prompt->fingerprint_size);
    buffer_text(text, ",\n  \"embedding\": ");
    write_numbers(text, prompt->embedding, prompt->size);
    buffer_text(text, "}\n");
}
