/* test_safetensors.c: what a strict reader must refuse, with the reason, and what it must accept. */
#include <string.h>

#include "checkpoint/list.h"
#include "checkpoint/safetensors.h"
#include "tests/test.h"

/* A file of a header and `size` bytes of data. */
static unsigned char *make_file(const char *header, size_t data, size_t *size)
{
    size_t length = strlen(header);
    unsigned char *file = calloc(1, 8 + length + data);

    for (size_t i = 0; i < 8; i++)
        file[i] = (unsigned char)(length >> 8 * i);
    memcpy(file + 8, header, length);
    *size = 8 + length + data;
    return file;
}

static clipseg_status read_bytes(const unsigned char *file, size_t size, struct checkpoint *checkpoint,
                                 clipseg_error *error)
{
    *checkpoint = (struct checkpoint){0};
    clipseg_status status = safetensors_read(checkpoint, "file", file, size, error);

    return status ? status : checkpoint_sort(checkpoint, error);
}

static void check_refused(const char *header, size_t data, const char *reason)
{
    struct checkpoint checkpoint;
    clipseg_error error = {0};
    size_t size;
    unsigned char *file = make_file(header, data, &size);

    CHECK_TEXT(read_bytes(file, size, &checkpoint, &error) == CLIPSEG_ERROR_MODEL, header);
    CHECK_TEXT(strstr(error.text, reason) != NULL, error.text);
    checkpoint_close(&checkpoint);
    free(file);
}

#define ENTRY(type, shape, begin, end)                                                                       \
    "{\"dtype\":\"" type "\",\"shape\":[" shape "],\"data_offsets\":[" #begin "," #end "]}"

static void good_files_are_read(void)
{
    struct checkpoint checkpoint;
    size_t size;
    unsigned char *file =
        make_file("{\"__metadata__\":{\"format\":\"pt\"},\"b\":" ENTRY("F32", "2", 2, 10) ",\"a\":" ENTRY(
                      "F16", "1,1", 0, 2) ",\"s\":" ENTRY("F32", "", 10, 14) "}  ",
                  14, &size);

    file[size - 14] = 0; /* a = 1.5 in half precision */
    file[size - 13] = 0x3e;
    REQUIRE(read_bytes(file, size, &checkpoint, NULL) == CLIPSEG_OK);
    CHECK(checkpoint.tensor_count == 3);
    const struct tensor *a = checkpoint_find(&checkpoint, "a"), *s = checkpoint_find(&checkpoint, "s");
    REQUIRE(a && s && checkpoint_find(&checkpoint, "b") && !checkpoint_find(&checkpoint, "c"));
    float value;
    tensor_read_f32(a, 0, 1, &value);
    CHECK(value == 1.5f && a->rank == 2);
    CHECK(s->rank == 0 && s->count == 1);
    checkpoint_close(&checkpoint);
    free(file);
}

static void bad_files_are_refused_with_the_reason(void)
{
    check_refused("", 0, "begin with '{'");
    check_refused(" {}", 0, "begin with '{'");
    check_refused("\xef\xbb\xbf{}", 0, "begin with '{'");
    check_refused("{\"a\":" ENTRY("F32", "1", 0, 4) "}x", 4, "no valid JSON");
    check_refused("{\"a\":" ENTRY("F32", "1", 0, 4) ",\"a\":" ENTRY("F32", "1", 4, 8) "}", 8, "uplicate");
    check_refused("{\"a\":" ENTRY("F32", "1", 4, 8) "}", 8, "hole");
    check_refused("{\"a\":" ENTRY("F32", "2", 0, 8) ",\"b\":" ENTRY("F32", "1", 4, 8) "}", 8, "overlap");
    check_refused("{\"a\":" ENTRY("F32", "1", 0, 4) "}", 5, "tensors end");
    check_refused("{\"a\":" ENTRY("F32", "1", 0, 4) "}", 3, "outside");
    check_refused("{\"a\":" ENTRY("F32", "1", 4, 0) "}", 4, "outside");
    check_refused("{\"a\":" ENTRY("F32", "2", 0, 4) "}", 4, "need 8 bytes");
    check_refused("{\"a\":" ENTRY("F32", "4294967296,4294967296,4294967296", 0, 4) "}", 4, "too large");
    check_refused("{\"a\":" ENTRY("F32", "1,1,1,1,1,1,1,1,1", 0, 4) "}", 4, "at most 8");
    check_refused("{\"a\":" ENTRY("F32", "-1", 0, 4) "}", 4, "not negative");
    check_refused("{\"a\":" ENTRY("F32", "1.0", 0, 4) "}", 4, "whole numbers");
    check_refused("{\"a\":" ENTRY("F32", "01", 0, 4) "}", 4, "no valid JSON");
    check_refused("{\"a\":" ENTRY("F32", "18446744073709551616", 0, 4) "}", 4, "no valid JSON");
    check_refused("{\"a\":" ENTRY("F31", "1", 0, 4) "}", 4, "unknown dtype");
    check_refused("{\"\":" ENTRY("F32", "1", 0, 4) "}", 4, "empty name");
    check_refused("{\"a\\u0000\":" ENTRY("F32", "1", 0, 4) "}", 4, "no valid JSON");
    check_refused("{\"a\xff\":" ENTRY("F32", "1", 0, 4) "}", 4, "no valid JSON");
    check_refused("{\"\\ud800\":" ENTRY("F32", "1", 0, 4) "}", 4, "no valid JSON");
    check_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "exactly");
    check_refused("{\"a\":[]}", 0, "exactly");
    check_refused("{\"__metadata__\":{\"x\":1}}", 0, "want a string");
    check_refused("{\"__metadata__\":[]}", 0, "want an object");
}

static void short_and_lying_lengths_are_refused(void)
{
    unsigned char bytes[16] = {0};
    struct checkpoint checkpoint;
    clipseg_error error;

    for (size_t size = 0; size <= sizeof bytes; size++) {
        CHECK(read_bytes(bytes, size, &checkpoint, &error) == CLIPSEG_ERROR_MODEL);
        checkpoint_close(&checkpoint);
    }
    memset(bytes, 0xff, 8);
    CHECK(read_bytes(bytes, sizeof bytes, &checkpoint, &error) == CLIPSEG_ERROR_MODEL);
    CHECK(strstr(error.text, "more than") != NULL);
    checkpoint_close(&checkpoint);
}

static void deep_nesting_is_refused_quickly(void)
{
    char *header = malloc(400010);
    struct checkpoint checkpoint;
    clipseg_error error;
    size_t size;

    memcpy(header, "{\"a\":", 5);
    memset(header + 5, '[', 400000);
    header[400005] = 0;
    unsigned char *file = make_file(header, 0, &size);
    CHECK(read_bytes(file, size, &checkpoint, &error) == CLIPSEG_ERROR_MODEL);
    CHECK(strstr(error.text, "nested") != NULL);
    checkpoint_close(&checkpoint);
    free(file);
    free(header);
}

/* Every prefix and every flipped bit of a header: read or refused, never a crash, and a refusal has a reason.
 */
static void every_prefix_and_bit_flip_has_a_clean_verdict(void)
{
    size_t size;
    unsigned char *file = make_file("{\"__metadata__\":{\"k\":\"v\"},\"a.b\":" ENTRY(
                                        "BF16", "2,3", 0, 12) ",\"c\":" ENTRY("F32", "1", 12, 16) "}",
                                    16, &size);

    for (size_t length = 0; length < size; length++) {
        struct checkpoint checkpoint;
        clipseg_error error = {0};
        unsigned char *exact =
            malloc(length ? length : 1); /* so that a sanitizer sees reads behind the end */
        memcpy(exact, file, length);
        CHECK(read_bytes(exact, length, &checkpoint, &error) == CLIPSEG_ERROR_MODEL && *error.text);
        checkpoint_close(&checkpoint);
        free(exact);
    }
    for (size_t bit = 0; bit < 8 * (size - 16); bit++) {
        struct checkpoint checkpoint;
        clipseg_error error = {0};
        file[bit / 8] ^= (unsigned char)(1 << bit % 8);
        clipseg_status status = read_bytes(file, size, &checkpoint, &error);
        CHECK(status == CLIPSEG_OK || (status == CLIPSEG_ERROR_MODEL && *error.text));
        checkpoint_close(&checkpoint);
        file[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    free(file);
}

static void half_precision_is_exact(void)
{
    static const struct {
        uint16_t half;
        float value;
    } pairs[] = {{0x0000, 0.0f},
                 {0x3c00, 1.0f},
                 {0xc000, -2.0f},
                 {0x7bff, 65504.0f},
                 {0x0400, 6.103515625e-05f},
                 {0x0001, 5.9604644775390625e-08f},
                 {0x03ff, 6.097555160522461e-05f},
                 {0x8001, -5.9604644775390625e-08f}};

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct tensor tensor = {
            .type = TENSOR_F16, .count = 1, .data = (const unsigned char *)&pairs[i].half};
        float value;
        tensor_read_f32(&tensor, 0, 1, &value);
        CHECK(value == pairs[i].value);
    }
    uint16_t infinity = 0xfc00, nan = 0x7e00;
    float value;
    tensor_read_f32(&(struct tensor){.type = TENSOR_F16, .data = (const unsigned char *)&infinity}, 0, 1,
                    &value);
    CHECK(value == -1.0f / 0.0f);
    tensor_read_f32(&(struct tensor){.type = TENSOR_F16, .data = (const unsigned char *)&nan}, 0, 1, &value);
    CHECK(value != value);
}

static const struct test tests[] = {
    {"good_files_are_read", good_files_are_read},
    {"bad_files_are_refused_with_the_reason", bad_files_are_refused_with_the_reason},
    {"short_and_lying_lengths_are_refused", short_and_lying_lengths_are_refused},
    {"deep_nesting_is_refused_quickly", deep_nesting_is_refused_quickly},
    {"every_prefix_and_bit_flip_has_a_clean_verdict", every_prefix_and_bit_flip_has_a_clean_verdict},
    {"half_precision_is_exact", half_precision_is_exact},
};

TEST_MAIN(tests)
