/* accuracy.c: two models look at the same pictures, and their answers are compared. */
#include "cli/accuracy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/command.h"
#include "index/vector.h"

/* Something of what photographs and drawings show. */
static const char *const usual_prompts[] = {"a person", "a round thing", "something red", "the background"};

enum side { REFERENCE, MODEL, SIDES };

struct comparison {
    struct accuracy *accuracy;
    clipseg_session *sessions[SIDES];
    clipseg_prompt prompts[ACCURACY_MOST_PROMPTS];
    size_t pixels; /* of one mask */
    size_t embedding_size;
    float *answers[SIDES];                     /* [prompts, S, S], or one embedding of a plain CLIP model */
    double differences[ACCURACY_MOST_PROMPTS]; /* sums */
    size_t both[ACCURACY_MOST_PROMPTS], either[ACCURACY_MOST_PROMPTS]; /* pixels inside */
};

clipseg_status accuracy_add_prompt(void *target, const char *value, clipseg_error *error)
{
    struct accuracy *accuracy = target;

    if (!*value)
        return error_set(error, CLIPSEG_ERROR_USAGE, "-p: the prompt is empty");
    if (accuracy->count == ACCURACY_MOST_PROMPTS)
        return error_set(error, CLIPSEG_ERROR_USAGE, "-p: more than %d prompts", ACCURACY_MOST_PROMPTS);
    accuracy->prompts[accuracy->count++] = value;
    return CLIPSEG_OK;
}

/* ---- one picture */

static float probability(float logit)
{
    return 1.0f / (1.0f + expf(-logit));
}

static void compare_masks(struct comparison *c)
{
    for (size_t p = 0; p < c->accuracy->count; p++) {
        const float *x = c->answers[REFERENCE] + p * c->pixels, *y = c->answers[MODEL] + p * c->pixels;
        for (size_t i = 0; i < c->pixels; i++) {
            c->differences[p] += (double)fabsf(probability(x[i]) - probability(y[i]));
            c->both[p] += x[i] > 0.0f && y[i] > 0.0f;
            c->either[p] += x[i] > 0.0f || y[i] > 0.0f;
        }
    }
}

static void compare_vectors(struct comparison *c)
{
    const float *x = c->answers[REFERENCE], *y = c->answers[MODEL];
    size_t size = c->embedding_size;
    double cosine =
        vector_product(x, y, size) / sqrt(vector_product(x, x, size) * vector_product(y, y, size));

    c->accuracy->mean_cosine += cosine;
    c->accuracy->least_cosine = fmin(c->accuracy->least_cosine, cosine);
}

static clipseg_status compare_picture(struct comparison *c, const clipseg_image *image, clipseg_error *error)
{
    const clipseg_prompt whole = clipseg_picture(image);
    clipseg_status status = CLIPSEG_OK;

    for (size_t i = 0; !status && i < SIDES; i++) {
        clipseg_session *session = c->sessions[i];
        if (c->accuracy->is_clip)
            status = clipseg_session_embed(session, &whole, c->answers[i], error);
        else if ((status = clipseg_session_set_image(session, image, error)) == CLIPSEG_OK)
            status = clipseg_session_logits(session, c->prompts, c->accuracy->count, c->answers[i], error);
    }
    if (!status && c->accuracy->is_clip)
        compare_vectors(c);
    else if (!status)
        compare_masks(c);
    return status;
}

/* ---- all of them */

static clipseg_status prepare(struct comparison *c, const clipseg_model *const models[SIDES], size_t threads,
                              clipseg_error *error)
{
    struct accuracy *accuracy = c->accuracy;
    clipseg_session_options options;
    clipseg_model_info info;
    clipseg_status status = CLIPSEG_OK;

    clipseg_model_get_info(models[REFERENCE], &info);
    accuracy->is_clip = !info.has_decoder;
    accuracy->least_cosine = 1.0;
    c->embedding_size = info.embedding_size;
    for (size_t i = 0; !accuracy->count && i < sizeof usual_prompts / sizeof *usual_prompts; i++)
        accuracy->prompts[i] = usual_prompts[i];
    if (!accuracy->count)
        accuracy->count = sizeof usual_prompts / sizeof *usual_prompts;
    for (size_t i = 0; i < accuracy->count; i++)
        c->prompts[i] = clipseg_text(accuracy->prompts[i]);
    clipseg_session_options_default(&options);
    options.threads = threads;
    for (size_t i = 0; !status && i < SIDES; i++) {
        status = clipseg_session_create(&c->sessions[i], models[i], &options, error);
        if (status)
            break;
        size_t side = clipseg_session_logits_size(c->sessions[i]);
        c->pixels = side * side;
        c->answers[i] =
            memory_aligned(size_max(accuracy->count * c->pixels, info.embedding_size), sizeof(float));
        if (!c->answers[i])
            status = error_memory(error);
    }
    return status;
}

static struct agreement agreement(double difference, size_t both, size_t either, double answers)
{
    return (struct agreement){.difference = difference / answers,
                              .iou = either ? (double)both / (double)either : NAN,
                              .area = (double)either / answers};
}

static void conclude(struct comparison *c)
{
    struct accuracy *accuracy = c->accuracy;
    double answers = (double)(accuracy->pictures * c->pixels), sum = 0.0;
    size_t both = 0, either = 0;

    accuracy->mean_cosine /= (double)accuracy->pictures;
    for (size_t p = 0; p < accuracy->count; p++) {
        accuracy->each[p] = agreement(c->differences[p], c->both[p], c->either[p], answers);
        sum += c->differences[p];
        both += c->both[p];
        either += c->either[p];
    }
    accuracy->all = agreement(sum, both, either, answers * (double)accuracy->count);
}

clipseg_status accuracy_measure(struct accuracy *accuracy, const clipseg_model *reference,
                                const clipseg_model *model, const struct calibration *pictures,
                                size_t threads, clipseg_error *error)
{
    struct comparison c = {.accuracy = accuracy};
    const clipseg_model *const models[SIDES] = {reference, model};
    clipseg_status status = prepare(&c, models, threads, error);

    for (size_t i = 0; !status && i < pictures->count && !signals_stop(); i++) {
        clipseg_image image = {0};
        progress_show(i, pictures->count, "measuring");
        status = pictures->load(pictures->context, i, &image, error);
        if (!status)
            status = compare_picture(&c, &image, error);
        clipseg_image_free(&image);
        accuracy->pictures++;
    }
    progress_end();
    if (!status)
        conclude(&c);
    for (size_t i = 0; i < SIDES; i++) {
        clipseg_session_close(&c.sessions[i]);
        free(c.answers[i]);
    }
    return status;
}

/* ---- what is said about it */

static void print_row(const char *name, const struct agreement *agreement)
{
    char iou[16] = "-";

    if (!isnan(agreement->iou))
        snprintf(iou, sizeof iou, "%.4f", agreement->iou);
    printf("%10s %9.2f %% %12.5f   %s\n", iou, 100.0 * agreement->area, agreement->difference, name);
}

void accuracy_print(const struct accuracy *accuracy, const char *on)
{
    printf("how near it is to float32, on %s\n", on);
    if (accuracy->is_clip) {
        printf("cosine of the pictures' vectors: %.5f in the mean, %.5f at least\n", accuracy->mean_cosine,
               accuracy->least_cosine);
        return;
    }
    printf("%10s %11s %12s   prompt\n", "mask IoU", "of area", "probability");
    for (size_t p = 0; p < accuracy->count; p++)
        print_row(accuracy->prompts[p], &accuracy->each[p]);
    print_row("(all)", &accuracy->all);
}

static void json_agreement(struct buffer *text, const struct agreement *agreement)
{
    buffer_format(text, "\"difference\": %.6f, \"area\": %.6f, \"iou\": ", agreement->difference,
                  agreement->area);
    if (isnan(agreement->iou))
        buffer_text(text, "null");
    else
        buffer_format(text, "%.6f", agreement->iou);
}

void accuracy_json(struct buffer *text, const struct accuracy *accuracy)
{
    buffer_format(text, "{\"pictures\": %zu, ", accuracy->pictures);
    if (accuracy->is_clip) {
        buffer_format(text, "\"mean_cosine\": %.6f, \"least_cosine\": %.6f}", accuracy->mean_cosine,
                      accuracy->least_cosine);
        return;
    }
    json_agreement(text, &accuracy->all);
    buffer_text(text, ", \"prompts\": [");
    for (size_t p = 0; p < accuracy->count; p++) {
        buffer_text(text, p ? ", {\"prompt\": " : "{\"prompt\": ");
        buffer_json_string(text, accuracy->prompts[p]);
        buffer_text(text, ", ");
        json_agreement(text, &accuracy->each[p]);
        buffer_text(text, "}");
    }
    buffer_text(text, "]}");
}
