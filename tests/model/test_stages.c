/* test_stages.c: every stage of the network equals what the reference recorded: the first that differs is
 * named. */
#include "segment/session.h"
#include "tests/golden.h"

/* One recorded run. */
struct run {
    const struct golden *golden;
    clipseg_model *model;
    clipseg_session *session;
    const char *prefix; /* "vision", "text", "decoder" */
};

static void compare_layer(void *context, size_t layer, const float *hidden, size_t stride, size_t rows)
{
    const struct run *run = context;
    const struct config *config = &run->model->config;
    size_t width = run->prefix[0] == 'v' ? config->vision.hidden : config->decoder.hidden;
    char name[64];

    snprintf(name, sizeof name, "%s_hidden_%zu", run->prefix, layer);
    golden_compare(run->golden, name, 0, hidden, rows, width, stride);
}

/* Texts end at their end token; the record is padded to the full context. */
static void compare_text_layer(void *context, size_t layer, const float *hidden, size_t stride, size_t rows)
{
    const struct run *run = context;
    const struct config *config = &run->model->config;
    const size_t *starts = run->session->text.starts;
    char name[64];

    (void)rows;
    snprintf(name, sizeof name, "text_hidden_%zu", layer);
    for (size_t i = 0; i < json_array_size(run->golden->texts); i++)
        golden_compare(run->golden, name, i * config->context * config->text.hidden,
                       hidden + starts[i] * stride, starts[i + 1] - starts[i], config->text.hidden, stride);
}

static void compare_session(const struct golden *golden, clipseg_model *model, const char *images,
                            size_t threads)
{
    clipseg_session *session = NULL;
    clipseg_session_options options;
    clipseg_image image = {0}, shown[4] = {{0}};
    clipseg_prompt prompts[16];
    char path[4096];
    size_t texts = json_array_size(golden->texts), pictures = json_array_size(golden->pictures);

    clipseg_session_options_default(&options);
    options.threads = threads;
    REQUIRE(clipseg_session_create(&session, model, &options, NULL) == CLIPSEG_OK);
    struct run vision = {golden, model, session, "vision"}, decoder = {golden, model, session, "decoder"};
    snprintf(path, sizeof path, "%s/%s", images, golden->image);
    REQUIRE(clipseg_image_load(&image, path, NULL, NULL) == CLIPSEG_OK);
    session->vision.observer = compare_layer;
    session->vision.observer_context = &vision;
    session->text.observer = compare_text_layer;
    session->text.observer_context = &vision;
    REQUIRE(clipseg_session_set_image(session, &image, NULL) == CLIPSEG_OK);
    golden_compare(golden, "pixel_values", 0, session->vision.pixels, 3,
                   session->vision.side * session->vision.side, session->vision.side * session->vision.side);
    session->vision.observer = NULL;

    for (size_t i = 0; i < texts; i++)
        prompts[i] = clipseg_text(json_string_value(json_array_get(golden->texts, i)));
    for (size_t i = 0; i < pictures; i++) {
        snprintf(path, sizeof path, "%s/%s", images, json_string_value(json_array_get(golden->pictures, i)));
        REQUIRE(clipseg_image_load(&shown[i], path, NULL, NULL) == CLIPSEG_OK);
        prompts[texts + i] = clipseg_picture(&shown[i]);
    }
    size_t area = clipseg_session_logits_size(session) * clipseg_session_logits_size(session);
    float *logits = malloc((texts + pictures) * area * sizeof *logits);
    float *embedding = malloc(model->config.projection * sizeof *embedding);
    session->decoder.observer = compare_layer;
    session->decoder.observer_context = &decoder;
    CHECK(clipseg_session_logits(session, prompts, texts, logits, NULL) == CLIPSEG_OK);
    session->decoder.observer = NULL;
    CHECK(clipseg_session_logits(session, prompts, texts + pictures, logits, NULL) == CLIPSEG_OK);
    for (size_t i = 0; i < texts + pictures; i++) {
        CHECK(clipseg_session_embed(session, &prompts[i], embedding, NULL) == CLIPSEG_OK);
        golden_compare(golden, "conditional_embeddings", i * model->config.projection, embedding, 1,
                       model->config.projection, 0);
    }
    golden_compare(golden, "logits", 0, logits, texts + pictures, area, area);
    clipseg_prompt itself = clipseg_picture(&image);
    CHECK(clipseg_session_embed(session, &itself, embedding, NULL) == CLIPSEG_OK);
    golden_compare(golden, "image_embeds", 0, embedding, 1, model->config.projection, 0);
    free(embedding);
    free(logits);
    clipseg_image_free(&image);
    for (size_t i = 0; i < pictures; i++)
        clipseg_image_free(&shown[i]);
    clipseg_session_close(&session);
}

static void compare(const char *checkpoint, const char *recorded, const char *images)
{
    clipseg_model *model = NULL;
    clipseg_model_options options;
    clipseg_error error = {0};
    struct golden golden;

    clipseg_model_options_default(&options);
    options.cpu = getenv("CLIPSEG_CPU");
    clipseg_status status = clipseg_model_open(&model, checkpoint, &options, &error);
    CHECK_TEXT(status == CLIPSEG_OK, error.text);
    REQUIRE(model && golden_open(&golden, recorded));
    compare_session(&golden, model, images, 1);
    compare_session(&golden, model, images, 2);
    golden_close(&golden);
    clipseg_model_close(&model);
}

static void compare_own(const char *name)
{
    char checkpoint[4096], recorded[4096], file[64];

    snprintf(checkpoint, sizeof checkpoint, "%s", test_file(name));
    snprintf(file, sizeof file, "%s.safetensors", name);
    snprintf(recorded, sizeof recorded, "%s", test_file(file));
    compare(checkpoint, recorded, test_file(""));
}

/* Embeddings of a CLIP checkpoint, whose pictures are scaled by the shorter side and cut to the centre. */
static void plain_clip(void)
{
    clipseg_model *model = NULL;
    clipseg_session *session = NULL;
    clipseg_image image = {0};
    clipseg_model_options options;
    clipseg_error error;
    struct golden golden;
    float embedding[20];

    clipseg_model_options_default(&options);
    options.cpu = getenv("CLIPSEG_CPU");
    REQUIRE(!clipseg_model_open(&model, test_file("tiny-clip"), &options, NULL));
    REQUIRE(!clipseg_session_create(&session, model, NULL, NULL));
    REQUIRE(!clipseg_image_load(&image, test_file("picture.png"), NULL, NULL));
    REQUIRE(golden_open(&golden, test_file("tiny-clip.safetensors")));
    clipseg_prompt prompt = clipseg_picture(&image);
    CHECK(!clipseg_session_embed(session, &prompt, embedding, NULL));
    golden_compare(&golden, "image_embeds", 0, embedding, 1, 20, 0);
    for (size_t i = 0; i < json_array_size(golden.texts); i++) {
        prompt = clipseg_text(json_string_value(json_array_get(golden.texts, i)));
        CHECK(!clipseg_session_embed(session, &prompt, embedding, NULL));
        golden_compare(&golden, "text_embeds", 20 * i, embedding, 1, 20, 0);
    }
    CHECK(clipseg_session_set_image(session, &image, &error) == CLIPSEG_ERROR_MODEL);
    CHECK(strstr(error.text, "without a decoder") != NULL);
    golden_close(&golden);
    clipseg_image_free(&image);
    clipseg_session_close(&session);
    clipseg_model_close(&model);
}

/* The model that is built into the command, on the sample picture. */
static void built_in_model(void)
{
    FILE *recorded = fopen(test_file("demo.safetensors"), "rb");

    if (!recorded) {
        test_skip("this source has no built-in model");
        return;
    }
    fclose(recorded);
    compare(CLIPSEG_SOURCE "/models/demo", test_file("demo.safetensors"), CLIPSEG_SOURCE "/examples");
}

/* The large ones: tests/make_checkpoints has written the checkpoint into the build folder, if it could. */
static void compare_shared(const char *preset, const char *name)
{
    char file[128], checkpoint[4096], recorded[4096], images[4096];

    snprintf(checkpoint, sizeof checkpoint, CLIPSEG_BUILD "/checkpoints/%s", preset);
    snprintf(file, sizeof file, "goldens/%s.safetensors", name);
    if (!test_shared(file)) {
        test_skip("the large test data is not here");
        return;
    }
    snprintf(recorded, sizeof recorded, "%s", test_shared(file));
    snprintf(images, sizeof images, "%.*s/images", (int)(strlen(recorded) - strlen(file)), recorded);
    char config[4200];
    snprintf(config, sizeof config, "%s/config.json", checkpoint);
    FILE *exists = fopen(config, "rb");
    if (!exists) {
        test_skip("its checkpoint has not been generated (tests/make_checkpoints)");
        return;
    }
    fclose(exists);
    compare(checkpoint, recorded, images);
}

static void refined_head(void)
{
    compare_own("tiny-refined");
}

static void simple_head_sharded_f16_legacy_end_token(void)
{
    compare_own("tiny-simple");
}

static void generated_tiny(void)
{
    compare_shared("tiny", "tiny-seed1-coffee");
}

static void generated_rd64_refined(void)
{
    compare_shared("rd64-refined", "rd64-refined-seed1-kitchen");
}

static void generated_rd64(void)
{
    compare_shared("rd64", "rd64-seed2-coffee");
}

static void generated_rd16(void)
{
    compare_shared("rd16", "rd16-seed3-chelsea");
}

static const struct test tests[] = {
    {"stages_equal_reference_refined_head", refined_head},
    {"stages_equal_reference_simple_head_sharded_f16_legacy_end_token",
     simple_head_sharded_f16_legacy_end_token},
    {"embeddings_equal_reference_plain_clip", plain_clip},
    {"logits_equal_reference_built_in_model", built_in_model},
    {"stages_equal_reference_generated_tiny", generated_tiny},
    {"logits_equal_reference_generated_rd64_refined", generated_rd64_refined},
    {"logits_equal_reference_generated_rd64", generated_rd64},
    {"logits_equal_reference_generated_rd16", generated_rd16},
};

TEST_MAIN(tests)
