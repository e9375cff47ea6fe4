/* test_packed.c: a packed file is used where it lies, from a map and from memory. */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "model/convert.h"
#include "model/model.h"
#include "tests/test.h"

/* Pack tests/data/NAME into a temporary file. */
static bool pack(const char *name, enum tensor_type type, char *path, size_t size)
{
    struct checkpoint checkpoint;
    clipseg_model_options options;
    clipseg_error error = {0};
    const char *folder = getenv("TMPDIR");
    struct calibration pictures = calibration_drawn();

    clipseg_model_options_default(&options);
    snprintf(path, size, "%s/clipseg-packed-%ld.gguf", folder ? folder : "/tmp", (long)getpid());
    bool done = !checkpoint_open(&checkpoint, test_file(name), &error) &&
                !model_convert(&checkpoint, path, type, &pictures, &options, &error);
    CHECK_TEXT(done, error.text);
    return done;
}

static bool inside(const struct file_map *map, const void *place)
{
    const unsigned char *byte = place;

    return byte >= map->data && byte < map->data + map->size;
}

/* Logits of one prompt on a striped picture. */
static void compute(clipseg_model *model, float *logits)
{
    clipseg_session *session = NULL;
    uint8_t rgb[32 * 32 * 3];
    clipseg_image image = {32, 32, rgb, NULL};
    clipseg_prompt prompt = clipseg_text("a glass");

    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)(i * 37);
    REQUIRE(clipseg_session_create(&session, model, NULL, NULL) == CLIPSEG_OK);
    REQUIRE(clipseg_session_set_image(session, &image, NULL) == CLIPSEG_OK);
    REQUIRE(clipseg_session_logits(session, &prompt, 1, logits, NULL) == CLIPSEG_OK);
    clipseg_session_close(&session);
}

/* tests/data/tiny-refined as a packed file of this type, and the logits of what it was made from. NULL:
 * failed. */
static clipseg_model *open_packed(enum tensor_type type, float *expected)
{
    clipseg_model *model = NULL;
    clipseg_error error = {0};
    char path[256];

    if (clipseg_model_open(&model, test_file("tiny-refined"), NULL, &error))
        return NULL;
    compute(model, expected);
    clipseg_model_close(&model);
    if (!pack("tiny-refined", type, path, sizeof path))
        return NULL;
    CHECK_TEXT(clipseg_model_open(&model, path, NULL, &error) == CLIPSEG_OK, error.text);
    unlink(path);
    return model;
}

static void weights_lie_in_the_mapped_file(void)
{
    char path[256];
    clipseg_model *model = NULL;
    clipseg_error error = {0};

    REQUIRE(pack("tiny-refined", TENSOR_F32, path, sizeof path));
    CHECK_TEXT(clipseg_model_open(&model, path, NULL, &error) == CLIPSEG_OK, error.text);
    unlink(path);
    REQUIRE(model && model->checkpoint.map_count == 1);
    const struct file_map *map = model->checkpoint.maps;
    const struct block *block = &model->weights.vision.blocks[2];
    CHECK(map->mapped && inside(map, block->qkv.weight) && inside(map, block->qkv.bias));
    CHECK(inside(map, block->fc1.weight) && inside(map, block->norm1.gamma));
    CHECK(inside(map, model->weights.text.position) && inside(map, model->weights.text.token_embedding.data));
    CHECK(inside(map, model->weights.decoder.last.weight) && inside(map, model->weights.decoder.last.bias));
    CHECK((uintptr_t)block->qkv.weight % 64 == 0);
    CHECK(model->weights.arena.peak < 4096); /* the lists of blocks, nothing else */
    clipseg_model_close(&model);
}

static void a_file_in_memory_may_lie_anywhere(void)
{
    static float expected[80 * 80], found[80 * 80];
    clipseg_model *model = NULL;
    char path[256];
    struct file_map map;

    REQUIRE(clipseg_model_open(&model, test_file("tiny-refined"), NULL, NULL) == CLIPSEG_OK);
    compute(model, expected);
    clipseg_model_close(&model);
    REQUIRE(pack("tiny-refined", TENSOR_F32, path, sizeof path));
    REQUIRE(file_map_open(&map, path, NULL) == CLIPSEG_OK);
    unlink(path);
    unsigned char *copy = malloc(map.size + 128);
    for (size_t shift = 0; shift < 128; shift += shift < 4 ? 1 : 60) {
        clipseg_error error = {0};
        memcpy(copy + shift, map.data, map.size);
        clipseg_file file = {"model.gguf", copy + shift, map.size};
        CHECK_TEXT(clipseg_model_open_memory(&model, "memory", &file, 1, NULL, &error) == CLIPSEG_OK,
                   error.text);
        if (model)
            compute(model, found);
        CHECK(!memcmp(expected, found, sizeof found));
        clipseg_model_close(&model);
    }
    free(copy);
    file_map_close(&map);
}

/* Also where a third of an attention's matrix waits for its scale, and where the file is in memory. */
static void halves_are_used_where_they_lie(void)
{
    static float expected[80 * 80], found[80 * 80];
    float largest = 0.0f, difference = 0.0f;

    clipseg_model *model = open_packed(TENSOR_F16, expected);
    REQUIRE(model);
    const struct file_map *map = model->checkpoint.maps;
    const struct block *block = &model->weights.vision.blocks[2];
    CHECK(inside(map, block->qkv.half.panels) && block->qkv.half.scaled && !block->qkv.weight);
    CHECK(inside(map, model->weights.decoder.last.half.panels));
    CHECK(model->weights.arena.peak < 4096);
    compute(model, found);
    clipseg_model_close(&model);
    for (size_t i = 0; i < 80 * 80; i++) {
        largest = fmaxf(largest, fabsf(expected[i]));
        difference = fmaxf(difference, fabsf(found[i] - expected[i]));
    }
    CHECK(difference > 0.0f && difference < 0.01f * largest);
}

/* How far the logits of a model are from those expected, measured by their spread. */
static double distance(clipseg_model *model, const float *expected)
{
    static float found[80 * 80];
    double difference = 0.0, square = 0.0, mean = 0.0;

    compute(model, found);
    for (size_t i = 0; i < 80 * 80; i++)
        mean += (double)expected[i] / (80 * 80);
    for (size_t i = 0; i < 80 * 80; i++) {
        difference += pow((double)found[i] - (double)expected[i], 2.0);
        square += pow((double)expected[i] - mean, 2.0);
    }
    return sqrt(difference / square);
}

/* Random weights are the hardest case; with trained ones the difference is smaller. */
static void bytes_give_nearly_the_same_logits(void)
{
    static float expected[80 * 80];

    clipseg_model *model = open_packed(TENSOR_I8, expected);
    REQUIRE(model);
    const struct block *block = &model->weights.vision.blocks[2];
    CHECK(block->qkv.integers.bytes && block->fc2.integers.bytes && !block->fc1.weight);
    CHECK(inside(model->checkpoint.maps, block->fc1.integers.bytes));
    CHECK(model->weights.text.blocks[0].fc1.half.panels &&
          model->weights.vision.blocks[0].fc1.integers.words);
    CHECK(model->weights.decoder.film_mul.weight);
    double off = distance(model, expected);
    CHECK(off > 0.0 && off < 0.05);
    clipseg_model_close(&model);
}

static void words_give_the_same_logits_but_for_rounding(void)
{
    static float expected[80 * 80];

    clipseg_model *model = open_packed(TENSOR_I16, expected);
    REQUIRE(model);
    const struct block *block = &model->weights.vision.blocks[0];
    CHECK(block->qkv.integers.words && block->fc2.integers.words && !block->fc1.weight);
    CHECK(inside(model->checkpoint.maps, block->fc1.integers.words));
    CHECK(model->weights.text.blocks[0].fc1.half.panels && model->weights.decoder.film_mul.weight);
    double off = distance(model, expected);
    CHECK(off > 0.0 && off < 0.002);
    clipseg_model_close(&model);
}

static const struct test tests[] = {
    {"weights_lie_in_the_mapped_file", weights_lie_in_the_mapped_file},
    {"a_file_in_memory_may_lie_anywhere", a_file_in_memory_may_lie_anywhere},
    {"halves_are_used_where_they_lie", halves_are_used_where_they_lie},
    {"bytes_give_nearly_the_same_logits", bytes_give_nearly_the_same_logits},
    {"words_give_the_same_logits_but_for_rounding", words_give_the_same_logits_but_for_rounding},
};

TEST_MAIN(tests)
