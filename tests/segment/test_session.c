/* test_session.c: what a session promises beyond right numbers: same bits from any thread, known prompts are
 * kept, mixes. */
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "segment/session.h"
#include "tests/test.h"

/* The linker sends every allocation of this program through these (--wrap in tests/CMakeLists.txt). */
static _Atomic size_t allocations;
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_malloc(size_t size)
{
    allocations++;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    allocations++;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
    allocations++;
    return __real_realloc(block, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    allocations++;
    return __real_aligned_alloc(alignment, size);
}

static clipseg_model *model;
static clipseg_image picture, example;

static clipseg_session *make_session(size_t threads, size_t side)
{
    clipseg_session *session = NULL;
    clipseg_session_options options;

    clipseg_session_options_default(&options);
    options.threads = threads;
    options.input_size = side;
    if (clipseg_session_create(&session, model, &options, NULL))
        abort();
    return session;
}

/* Logits of two phrases and a picture; freed by the caller. */
static float *ask(clipseg_session *session)
{
    const clipseg_prompt prompts[] = {clipseg_text("orange juice"), clipseg_text("fork"),
                                      clipseg_picture(&example)};
    size_t side = clipseg_session_logits_size(session);
    float *logits = malloc(3 * side * side * sizeof *logits);

    if (clipseg_session_set_image(session, &picture, NULL) ||
        clipseg_session_logits(session, prompts, 3, logits, NULL))
        abort();
    return logits;
}

static void *ask_often(void *argument)
{
    clipseg_session *session = make_session(1 + (size_t)(argument != NULL), 0);
    float *first = ask(session);
    size_t bytes =
        3 * clipseg_session_logits_size(session) * clipseg_session_logits_size(session) * sizeof *first;

    for (int i = 0; i < 8; i++) {
        float *again = ask(session);
        if (memcmp(first, again, bytes) != 0) {
            free(again);
            free(first);
            clipseg_session_close(&session);
            return NULL;
        }
        free(again);
    }
    clipseg_session_close(&session);
    return first;
}

static void same_bits_from_many_threads(void)
{
    pthread_t threads[4];
    clipseg_session *session = make_session(1, 0);
    float *alone = ask(session);
    size_t bytes =
        3 * clipseg_session_logits_size(session) * clipseg_session_logits_size(session) * sizeof *alone;

    for (size_t i = 0; i < 4; i++)
        REQUIRE(pthread_create(&threads[i], NULL, ask_often, i % 2 ? &picture : NULL) == 0);
    for (size_t i = 0; i < 4; i++) {
        void *result;
        pthread_join(threads[i], &result);
        CHECK(result && !memcmp(result, alone, bytes));
        free(result);
    }
    free(alone);
    clipseg_session_close(&session);
}

static void known_texts_are_not_computed_again(void)
{
    clipseg_session *session = make_session(1, 0);
    float embedding[64], again[64];
    clipseg_prompt prompt = clipseg_text("pancakes");

    CHECK(clipseg_session_embed(session, &prompt, embedding, NULL) == CLIPSEG_OK);
    double spent = session->stages.seconds[STAGE_TEXT];
    CHECK(clipseg_session_embed(session, &prompt, again, NULL) == CLIPSEG_OK);
    CHECK(session->stages.seconds[STAGE_TEXT] == spent);
    CHECK(!memcmp(embedding, again, model->config.projection * sizeof *embedding));
    clipseg_session_close(&session);
}

static void a_forward_pass_allocates_nothing(void)
{
    clipseg_session *session = make_session(2, 0);
    clipseg_prompt prompt = clipseg_text("fork");
    float embedding[64], *logits = ask(session);
    const int32_t ids[] = {5, 6, 7, 8};
    const size_t lengths[] = {4};

    REQUIRE(!clipseg_session_embed(session, &prompt, embedding, NULL));
    size_t before = allocations;
    vision_tower_reduce(&session->vision, model, &session->compute, session->reduced,
                        session->decoder.stride);
    vision_tower_embed(&session->vision, model, &session->compute, session->vision.batch,
                       session->image_embeddings);
    text_tower_apply(&session->text, model, &session->compute, ids, lengths, 1, session->text_embeddings);
    decoder_apply(&session->decoder, model, &session->compute, session->reduced, embedding, 1, logits);
    CHECK(allocations == before);
    CHECK(before > 0);
    free(logits);
    clipseg_session_close(&session);
}

/* However many pictures travel together, each gets what it gets alone. */
static void pictures_together_equal_each_alone(void)
{
    clipseg_session *session = make_session(2, 0);
    size_t size = model->config.projection, count = 2 * clipseg_session_batch(session) + 1;
    const clipseg_image *images[2 * VISION_MOST_PICTURES + 1];
    float *together = malloc(count * size * sizeof *together), alone[64];

    CHECK(clipseg_session_batch(session) > 1);
    for (size_t i = 0; i < count; i++)
        images[i] = i % 3 == 1 ? &example : &picture;
    REQUIRE(!clipseg_session_embed_images(session, images, count, together, NULL));
    for (size_t i = 0; i < count; i++) {
        clipseg_prompt prompt = clipseg_picture(images[i]);
        clipseg_image prepared = {0};
        if (i % 2) { /* what the model sees of a picture is as good as the picture */
            CHECK(!clipseg_session_prepare_image(session, images[i], &prepared, NULL));
            CHECK(prepared.width == clipseg_session_input_size(session) && prepared.height == prepared.width);
            prompt = clipseg_picture(&prepared);
        }
        CHECK(!clipseg_session_embed(session, &prompt, alone, NULL));
        clipseg_image_free(&prepared);
        for (size_t k = 0; k < size; k++)
            CHECK(fabsf(alone[k] - together[i * size + k]) <= 1e-5f * (1.0f + fabsf(alone[k])));
    }
    free(together);
    clipseg_session_close(&session);
}

static void mixes_are_weighted_sums(void)
{
    clipseg_session *session = make_session(1, 0);
    float text[64], image[64], mixed[64];
    clipseg_prompt prompts[] = {clipseg_text("spoons"), clipseg_picture(&example),
                                clipseg_mix("spoons", &example, 0.3f)};

    CHECK(!clipseg_session_embed(session, &prompts[0], text, NULL));
    CHECK(!clipseg_session_embed(session, &prompts[1], image, NULL));
    CHECK(!clipseg_session_embed(session, &prompts[2], mixed, NULL));
    for (size_t i = 0; i < model->config.projection; i++)
        CHECK(fabsf(mixed[i] - (0.3f * image[i] + 0.7f * text[i])) < 1e-5f);
    clipseg_session_close(&session);
}

static void a_visual_prompt_leaves_the_current_picture_alone(void)
{
    clipseg_session *session = make_session(1, 0);
    size_t area = clipseg_session_logits_size(session) * clipseg_session_logits_size(session);
    float *before = malloc(area * sizeof *before), *after = malloc(area * sizeof *after), embedding[64];
    clipseg_prompt text = clipseg_text("fork"), shown = clipseg_picture(&example);

    CHECK(!clipseg_session_set_image(session, &picture, NULL));
    CHECK(!clipseg_session_logits(session, &text, 1, before, NULL));
    CHECK(!clipseg_session_embed(session, &shown, embedding, NULL));
    CHECK(!clipseg_session_logits(session, &text, 1, after, NULL));
    CHECK(!memcmp(before, after, area * sizeof *before));
    free(before);
    free(after);
    clipseg_session_close(&session);
}

static void many_prompts_equal_one_at_a_time(void)
{
    clipseg_session *session = make_session(2, 0), *single = make_session(1, 0);
    size_t area = clipseg_session_logits_size(session) * clipseg_session_logits_size(session);
    clipseg_prompt prompts[40];
    char texts[40][24];
    float *all = malloc(40 * area * sizeof *all), *one = malloc(area * sizeof *one);
    bool same = true;

    for (size_t i = 0; i < 40; i++) {
        snprintf(texts[i], sizeof texts[i], "the %zu spoons %zu", i, i * i);
        prompts[i] = clipseg_text(texts[i]);
    }
    CHECK(!clipseg_session_set_image(session, &picture, NULL) &&
          !clipseg_session_set_image(single, &picture, NULL));
    CHECK(!clipseg_session_logits(session, prompts, 40, all, NULL));
    for (size_t i = 0; i < 40; i++) {
        CHECK(!clipseg_session_logits(single, &prompts[i], 1, one, NULL));
        for (size_t k = 0; k < area; k++)
            same = same && fabsf(all[i * area + k] - one[k]) < 1e-4f;
    }
    CHECK(same);
    free(all);
    free(one);
    clipseg_session_close(&session);
    clipseg_session_close(&single);
}

static void other_input_sizes_work(void)
{
    for (size_t side = 16; side <= 160; side += 48) {
        clipseg_session *session = make_session(2, side);
        float *logits = ask(session);
        CHECK(clipseg_session_logits_size(session) == side);
        CHECK(isfinite(logits[0]));
        free(logits);
        clipseg_session_close(&session);
    }
}

static void mistakes_are_named(void)
{
    clipseg_session *session = NULL;
    clipseg_session_options options;
    clipseg_error error;
    clipseg_prompt empty = clipseg_text("  "), broken = clipseg_text("\xff"), nothing = {0};
    float embedding[64];

    clipseg_session_options_default(&options);
    options.input_size = 81;
    CHECK(clipseg_session_create(&session, model, &options, &error) == CLIPSEG_ERROR_USAGE && !session);
    CHECK(strstr(error.text, "multiple of the patch size 16") != NULL);
    session = make_session(1, 0);
    CHECK(clipseg_session_embed(session, &empty, embedding, &error) == CLIPSEG_ERROR_USAGE);
    CHECK(clipseg_session_embed(session, &broken, embedding, &error) == CLIPSEG_ERROR_USAGE);
    CHECK(clipseg_session_embed(session, &nothing, embedding, &error) == CLIPSEG_ERROR_USAGE);
    CHECK(clipseg_session_logits(session, &empty, 1, embedding, &error) == CLIPSEG_ERROR_USAGE);
    clipseg_session_close(&session);
}

static void masks_are_the_sigmoid_of_enlarged_logits(void)
{
    clipseg_session *session = make_session(1, 0);
    size_t side = clipseg_session_logits_size(session), pixels = picture.width * picture.height;
    float *logits = ask(session), *masks = malloc(pixels * sizeof *masks);
    clipseg_prompt prompt = clipseg_text("orange juice");
    double worst = 0.0;

    session->refine = CLIPSEG_REFINE_OFF;
    CHECK(!clipseg_session_masks(session, &prompt, 1, masks, NULL));
    for (size_t y = 0; y < picture.height; y++)
        for (size_t x = 0; x < picture.width; x++) {
            double sy = fmax(0.0, ((double)y + 0.5) * (double)side / (double)picture.height - 0.5);
            double sx = fmax(0.0, ((double)x + 0.5) * (double)side / (double)picture.width - 0.5);
            size_t y0 = (size_t)sy, x0 = (size_t)sx, y1 = y0 + 1 < side ? y0 + 1 : y0,
                   x1 = x0 + 1 < side ? x0 + 1 : x0;
            double wy = sy - (double)y0, wx = sx - (double)x0;
            double upper = (1 - wx) * (double)logits[y0 * side + x0] + wx * (double)logits[y0 * side + x1];
            double lower = (1 - wx) * (double)logits[y1 * side + x0] + wx * (double)logits[y1 * side + x1];
            double want = 1.0 / (1.0 + exp(-((1 - wy) * upper + wy * lower)));
            worst = fmax(worst, fabs(want - (double)masks[y * picture.width + x]));
        }
    CHECK(worst < 1e-4);
    free(logits);
    free(masks);
    clipseg_session_close(&session);
}

static void expressions_and_shapes_are_there_for_programs(void)
{
    clipseg_session *session = make_session(2, 0);
    size_t side = clipseg_session_logits_size(session), area = side * side;
    float *maps = malloc(3 * area * sizeof *maps), mask[6 * 4] = {[9] = 0.9f};
    const clipseg_prompt prompts[] = {clipseg_text("fork"), clipseg_text("orange juice")};
    clipseg_shape_options shape;
    clipseg_error error;
    bool same = true;

    CHECK(clipseg_session_expression(session, "a AND b", maps, &error) == CLIPSEG_ERROR_USAGE);
    REQUIRE(!clipseg_session_set_image(session, &picture, NULL));
    REQUIRE(!clipseg_session_logits(session, prompts, 2, maps, NULL));
    REQUIRE(!clipseg_session_expression(session, "fork AND NOT orange juice", maps + 2 * area, NULL));
    for (size_t i = 0; i < area; i++)
        same = same && fabsf(maps[2 * area + i] - fminf(maps[i], -maps[area + i])) < 1e-4f;
    CHECK(same);
    REQUIRE(!clipseg_session_expression(session, "fork", maps + 2 * area, NULL));
    for (size_t i = 0; i < area; i++)
        same = same && fabsf(maps[2 * area + i] - maps[i]) < 1e-4f;
    CHECK(same);
    CHECK(clipseg_session_expression(session, "fork AND", maps, &error) == CLIPSEG_ERROR_USAGE &&
          strstr(error.text, "column 9"));
    clipseg_shape_options_default(&shape);
    shape.grow = 1.0;
    shape.invert = 1;
    REQUIRE(!clipseg_session_reshape(session, mask, 6, 4, 0.5f, &shape, NULL));
    for (size_t i = 0; i < 24; i++) /* a plus around pixel 9, inverted */
        CHECK(mask[i] == (i == 9 || i == 3 || i == 15 || i == 8 || i == 10 ? 0.0f : 1.0f));
    free(maps);
    clipseg_session_close(&session);
}

static void an_object_is_set_off_and_averages_keep_their_length(void)
{
    clipseg_session *session = make_session(2, 0);
    size_t pixels = picture.width * picture.height, size = model->config.projection;
    uint8_t *mask = calloc(pixels, 1);
    float whole[64], object[64], parts[2][64], mean[64];
    const clipseg_prompt prompts[] = {clipseg_text("fork"), clipseg_text("a photo of a fork.")};
    double lengths = 0.0, length = 0.0;
    clipseg_error error;

    CHECK(clipseg_session_embed_object(session, &picture, mask, CLIPSEG_PREPARE_CROP, object, NULL, &error) ==
          CLIPSEG_ERROR_USAGE);
    memset(mask, 255, pixels);
    REQUIRE(!clipseg_session_embed(session, &(clipseg_prompt){.image = &picture}, whole, NULL));
    REQUIRE(!clipseg_session_embed_object(session, &picture, mask, CLIPSEG_PREPARE_CROP, object, NULL, NULL));
    CHECK(!memcmp(whole, object, size * sizeof *whole));
    memset(mask, 0, pixels / 2);
    REQUIRE(!clipseg_session_embed_object(session, &picture, mask, CLIPSEG_PREPARE_CROP, object, NULL, NULL));
    CHECK(memcmp(whole, object, size * sizeof *whole) != 0);
    free(mask);
    for (size_t i = 0; i < 2; i++) {
        REQUIRE(!clipseg_session_embed(session, &prompts[i], parts[i], NULL));
        length = 0.0;
        for (size_t k = 0; k < size; k++)
            length += (double)parts[i][k] * (double)parts[i][k];
        lengths += sqrt(length) / 2.0;
    }
    REQUIRE(!clipseg_session_embed_average(session, prompts, 2, mean, NULL));
    length = 0.0;
    for (size_t k = 0; k < size; k++)
        length += (double)mean[k] * (double)mean[k];
    CHECK(fabs(sqrt(length) - lengths) < 1e-4 * lengths);
    clipseg_session_close(&session);
}

static const struct test tests[] = {
    {"expressions_and_shapes_are_there_for_programs", expressions_and_shapes_are_there_for_programs},
    {"an_object_is_set_off_and_averages_keep_their_length",
     an_object_is_set_off_and_averages_keep_their_length},
    {"same_bits_from_many_threads", same_bits_from_many_threads},
    {"known_texts_are_not_computed_again", known_texts_are_not_computed_again},
    {"a_forward_pass_allocates_nothing", a_forward_pass_allocates_nothing},
    {"pictures_together_equal_each_alone", pictures_together_equal_each_alone},
    {"mixes_are_weighted_sums", mixes_are_weighted_sums},
    {"a_visual_prompt_leaves_the_current_picture_alone", a_visual_prompt_leaves_the_current_picture_alone},
    {"many_prompts_equal_one_at_a_time", many_prompts_equal_one_at_a_time},
    {"other_input_sizes_work", other_input_sizes_work},
    {"mistakes_are_named", mistakes_are_named},
    {"masks_are_the_sigmoid_of_enlarged_logits", masks_are_the_sigmoid_of_enlarged_logits},
};

int main(void)
{
    clipseg_model_options options;

    clipseg_model_options_default(&options);
    options.cpu = getenv("CLIPSEG_CPU");
    if (clipseg_model_open(&model, test_file("tiny-refined"), &options, NULL) ||
        clipseg_image_load(&picture, test_file("picture.png"), NULL, NULL) ||
        clipseg_image_load(&example, test_file("example.png"), NULL, NULL))
        return 2;
    int code = test_main(tests, sizeof tests / sizeof *tests);
    clipseg_image_free(&picture);
    clipseg_image_free(&example);
    clipseg_model_close(&model);
    return code;
}
