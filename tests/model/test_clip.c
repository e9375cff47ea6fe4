/* test_clip.c: plain CLIP of every released kind (patches of 32, 16 and 14, gelu and quick_gelu, old and new
 * end tokens) gives the embeddings and logits_per_image that the reference recorded. tests/make_clip.py
 * generates the models. */
#include "index/vector.h"
#include "segment/session.h"
#include "tests/golden.h"

#define MOST 8
#define SIZE 20

/* All pictures at once, through batches. images: [count], stay loaded */
static bool embed_pictures(const struct golden *golden, clipseg_session *session, float *embeddings)
{
    size_t count = json_array_size(golden->pictures);
    clipseg_image images[MOST] = {{0}};
    const clipseg_image *list[MOST];
    bool done = true;

    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(golden->pictures, i));
        done = done && !clipseg_image_load(&images[i], test_file(name), NULL, NULL);
        list[i] = &images[i];
    }
    done = done && !clipseg_session_embed_images(session, list, count, embeddings, NULL);
    for (size_t i = 0; i < count; i++)
        clipseg_image_free(&images[i]);
    return done;
}

static void compare_logits(const struct golden *golden, const clipseg_model *model, float *images,
                           float *texts)
{
    size_t pictures = json_array_size(golden->pictures), phrases = json_array_size(golden->texts);
    const struct tensor *recorded = checkpoint_find(&golden->tensors, "logits_per_image");
    clipseg_model_info info;
    float want[MOST * MOST];
    char text[100];

    REQUIRE(recorded && recorded->count == pictures * phrases);
    tensor_read_f32(recorded, 0, recorded->count, want);
    clipseg_model_get_info(model, &info);
    for (size_t i = 0; i < pictures; i++)
        vector_normalize(images + i * SIZE, SIZE);
    for (size_t k = 0; k < phrases; k++)
        vector_normalize(texts + k * SIZE, SIZE);
    for (size_t i = 0; i < pictures; i++)
        for (size_t k = 0; k < phrases; k++) {
            double logit =
                (double)info.logit_scale * vector_product(images + i * SIZE, texts + k * SIZE, SIZE);
            double difference = fabs(logit - (double)want[i * phrases + k]);
            snprintf(text, sizeof text, "logits_per_image[%zu, %zu] differs by %.1e", i, k, difference);
            CHECK_TEXT(difference <= 1e-4, text);
        }
}

static void compare_session(const struct golden *golden, const clipseg_model *model, size_t threads)
{
    float images[MOST * SIZE], texts[MOST * SIZE];
    clipseg_session *session = NULL;
    clipseg_session_options options;

    clipseg_session_options_default(&options);
    options.threads = threads;
    REQUIRE(!clipseg_session_create(&session, model, &options, NULL));
    REQUIRE(embed_pictures(golden, session, images));
    for (size_t i = 0; i < json_array_size(golden->texts); i++) {
        clipseg_prompt prompt = clipseg_text(json_string_value(json_array_get(golden->texts, i)));
        CHECK(!clipseg_session_embed(session, &prompt, texts + i * SIZE, NULL));
    }
    golden_compare(golden, "image_embeds", 0, images, json_array_size(golden->pictures), SIZE, SIZE);
    golden_compare(golden, "text_embeds", 0, texts, json_array_size(golden->texts), SIZE, SIZE);
    compare_logits(golden, model, images, texts);
    clipseg_session_close(&session);
}

static void compare(const char *name)
{
    clipseg_model *model = NULL;
    clipseg_model_options options;
    clipseg_error error = {0};
    struct golden golden;
    char file[200], checkpoint[4096], config[4200];

    snprintf(checkpoint, sizeof checkpoint, CLIPSEG_BUILD "/checkpoints/%s", name);
    snprintf(config, sizeof config, "%s/config.json", checkpoint);
    FILE *exists = fopen(config, "rb");
    if (!exists) {
        test_skip("its checkpoint has not been generated (tests/make_checkpoints)");
        return;
    }
    fclose(exists);
    clipseg_model_options_default(&options);
    options.cpu = getenv("CLIPSEG_CPU");
    clipseg_status status = clipseg_model_open(&model, checkpoint, &options, &error);
    CHECK_TEXT(status == CLIPSEG_OK, error.text);
    snprintf(file, sizeof file, "%s.safetensors", name);
    REQUIRE(model && golden_open(&golden, test_file(file)));
    compare_session(&golden, model, 1);
    compare_session(&golden, model, 2);
    golden_close(&golden);
    clipseg_model_close(&model);
}

static void patches_of_32(void)
{
    compare("clip-tiny-b-32");
}

static void patches_of_16_with_gelu(void)
{
    compare("clip-tiny-b-16");
}

static void patches_of_14(void)
{
    compare("clip-tiny-l-14");
}

static void patches_of_14_larger_pictures_with_gelu(void)
{
    compare("clip-tiny-l-14-336");
}

static const struct test tests[] = {
    {"clip_equals_reference_patches_of_32", patches_of_32},
    {"clip_equals_reference_patches_of_16_with_gelu", patches_of_16_with_gelu},
    {"clip_equals_reference_patches_of_14", patches_of_14},
    {"clip_equals_reference_patches_of_14_larger_pictures_with_gelu",
     patches_of_14_larger_pictures_with_gelu},
};

TEST_MAIN(tests)
