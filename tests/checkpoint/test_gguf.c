/* test_gguf.c: packed files: hostile headers get their verdict, good ones are read in place. */
#include <string.h>

#include "base/half.h"
#include "checkpoint/gguf.h"
#include "checkpoint/gguf_types.h"
#include "checkpoint/list.h"
#include "tests/test.h"

/* A file that is put together piece by piece. */
struct image {
    unsigned char bytes[4096];
    size_t size;
};

static void number(struct image *f, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        f->bytes[f->size++] = (unsigned char)(value >> 8 * i);
}

static void text(struct image *f, const char *value)
{
    number(f, strlen(value), 8);
    memcpy(f->bytes + f->size, value, strlen(value));
    f->size += strlen(value);
}

static void begin(struct image *f, uint64_t version, uint64_t tensors, uint64_t keys)
{
    *f = (struct image){.bytes = "GGUF", .size = 4};
    number(f, version, 4);
    number(f, tensors, 8);
    number(f, keys, 8);
}

static void text_key(struct image *f, const char *key, const char *value)
{
    text(f, key);
    number(f, GGUF_STRING, 4);
    text(f, value);
}

static void number_key(struct image *f, const char *key, uint64_t value)
{
    text(f, key);
    number(f, GGUF_U32, 4);
    number(f, value, 4);
}

/* The three keys that every file has, after `more` others. */
static void start(struct image *f, uint64_t tensors, uint64_t more)
{
    begin(f, 3, tensors, 3 + more);
    text_key(f, "general.architecture", "clipseg");
    number_key(f, "general.alignment", 64);
    number_key(f, "clipseg.layout", 1);
}

static void tensor(struct image *f, const char *name, uint64_t size, uint64_t type, uint64_t offset)
{
    text(f, name);
    number(f, 1, 4);
    number(f, size, 8);
    number(f, type, 4);
    number(f, offset, 8);
}

static void pad(struct image *f, size_t more)
{
    f->size = (f->size + 63) / 64 * 64 + more;
}

static clipseg_status read_image(const unsigned char *bytes, size_t size, struct checkpoint *checkpoint,
                                 clipseg_error *error)
{
    *checkpoint = (struct checkpoint){0};
    return gguf_read(checkpoint, "file", bytes, size, error);
}

/* In a block of its exact size, so that a sanitizer sees reads behind the end. */
static void check_refused(const struct image *f, const char *reason)
{
    struct checkpoint checkpoint;
    clipseg_error error = {0};
    unsigned char *exact = malloc(f->size);

    memcpy(exact, f->bytes, f->size);
    CHECK_TEXT(read_image(exact, f->size, &checkpoint, &error) == CLIPSEG_ERROR_MODEL, reason);
    CHECK_TEXT(strstr(error.text, reason) != NULL, error.text);
    checkpoint_close(&checkpoint);
    free(exact);
}

static void make_good(struct image *f)
{
    start(f, 2, 2);
    text_key(f, "clipseg.config.json", "{}");
    text(f, "clipseg.tokenizer.special");
    number(f, GGUF_ARRAY, 4);
    number(f, GGUF_I32, 4);
    number(f, 3, 8);
    for (size_t i = 0; i < 3; i++)
        number(f, i, 4);
    tensor(f, "b", 3, GGUF_TENSOR_F32, 64);
    tensor(f, "a", 5, GGUF_TENSOR_F16, 0);
    pad(f, 64 + 12);
}

static void good_files_are_read(void)
{
    struct image f;
    struct checkpoint checkpoint;

    make_good(&f);
    REQUIRE(read_image(f.bytes, f.size, &checkpoint, NULL) == CLIPSEG_OK);
    const struct tensor *a = checkpoint_find(&checkpoint, "a"), *b = checkpoint_find(&checkpoint, "b");
    REQUIRE(a && b);
    CHECK(a->count == 5 && a->type == TENSOR_F16 && b->data == a->data + 64 && checkpoint.layout == 1);
    CHECK(b->data + 12 == f.bytes + f.size);
    const clipseg_file *config = checkpoint_text(&checkpoint, "config.json");
    CHECK(config && config->size == 2 && !memcmp(config->data, "{}", 2));
    CHECK(checkpoint_text(&checkpoint, "tokenizer.special")->size == 12);
    checkpoint_close(&checkpoint);
}

static void what_is_written_can_be_read(void)
{
    struct gguf_header header = {0};
    const int32_t numbers[] = {-1, 2, 70000};
    char *bytes = NULL;
    size_t size = 0;
    struct checkpoint checkpoint;
    clipseg_error error = {0};
    FILE *stream = open_memstream(&bytes, &size);

    gguf_add_text(&header, "general.architecture", "clipseg", 7);
    gguf_add_number(&header, "general.alignment", GGUF_ALIGNMENT);
    gguf_add_number(&header, "clipseg.layout", GGUF_LAYOUT);
    gguf_add_integers(&header, "clipseg.tokenizer.merges", numbers, 3);
    gguf_add_tensor(&header, "x", TENSOR_F32, 2, (size_t[]){2, 3});
    gguf_add_tensor(&header, "y", TENSOR_F16, 1, (size_t[]){7});
    CHECK(gguf_write_header(&header, stream));
    fwrite("012345678901234567890123", 1, 24, stream);
    gguf_write_padding(24, stream);
    fwrite("abcdefghijklmn", 1, 14, stream);
    gguf_write_padding(14, stream);
    fclose(stream);
    gguf_header_free(&header);
    CHECK_TEXT(read_image((unsigned char *)bytes, size, &checkpoint, &error) == CLIPSEG_OK, error.text);
    const struct tensor *x = checkpoint_find(&checkpoint, "x"), *y = checkpoint_find(&checkpoint, "y");
    REQUIRE(x && y);
    CHECK(x->rank == 2 && x->shape[0] == 2 && x->shape[1] == 3 && !memcmp(x->data, "0123", 4));
    CHECK(y->count == 7 && !memcmp(y->data, "abcd", 4) &&
          (size_t)(y->data - (unsigned char *)bytes) % 64 == 0);
    CHECK(!memcmp(checkpoint_text(&checkpoint, "tokenizer.merges")->data, numbers, sizeof numbers));
    checkpoint_close(&checkpoint);
    free(bytes);
}

static void lying_counts_and_versions_are_refused(void)
{
    static const uint64_t counts[] = {UINT64_MAX, (uint64_t)1 << 60, (uint64_t)1 << 63, 1000000};
    struct image f;

    begin(&f, 3, 0, 0);
    f.bytes[3] = 'E';
    check_refused(&f, "does not begin with GGUF");
    for (uint64_t version = 0; version < 6; version++) {
        begin(&f, version, 0, 0);
        check_refused(&f, version == 3 ? "no general.architecture" : "version");
    }
    begin(&f, 3u << 24, 0, 0);
    check_refused(&f, "big-endian");
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        begin(&f, 3, 0, counts[i]);
        check_refused(&f, "more than a header holds");
        start(&f, counts[i], 0);
        check_refused(&f, "more than a model has");
    }
    start(&f, 0, 1);
    check_refused(&f, "cut off");
}

static void lying_texts_and_lists_are_refused(void)
{
    static const uint64_t lengths[] = {UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 63, 5000};
    struct image f;

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        start(&f, 0, 1);
        number(&f, lengths[i], 8);
        check_refused(&f, "cut off");
        start(&f, 0, 1);
        text(&f, "key");
        number(&f, GGUF_STRING, 4);
        number(&f, lengths[i], 8);
        check_refused(&f, "cut off");
        for (uint64_t type = 0; type < GGUF_TYPE_COUNT; type++) {
            start(&f, 0, 1);
            text(&f, "key");
            number(&f, GGUF_ARRAY, 4);
            number(&f, type, 4);
            number(&f, type == GGUF_F64 ? (uint64_t)1 << 61 : lengths[i], 8); /* 2^61 x 8 wraps to 0 */
            check_refused(&f, type == GGUF_ARRAY ? "an array of type" : "cut off");
        }
    }
    start(&f, 0, 1);
    text(&f, "key");
    number(&f, 13, 4);
    check_refused(&f, "a value of type 13");
    start(&f, 0, 1);
    text_key(&f, "", "x");
    check_refused(&f, "a key that no GGUF file has");
}

static void keys_of_the_wrong_type_or_value_are_refused(void)
{
    static const uint64_t alignments[] = {0, 3, 4, 13, (uint64_t)1 << 31, 131072};
    struct image f;

    for (size_t i = 0; i < sizeof alignments / sizeof *alignments; i++) {
        begin(&f, 3, 0, 1);
        number_key(&f, "general.alignment", alignments[i]);
        check_refused(&f, "power of two");
    }
    begin(&f, 3, 0, 1);
    text_key(&f, "general.alignment", "64");
    check_refused(&f, "want a number of type u32");
    begin(&f, 3, 0, 1);
    number_key(&f, "general.architecture", 1);
    check_refused(&f, "want a text");
    begin(&f, 3, 0, 1);
    text_key(&f, "general.architecture", "llama");
    check_refused(&f, "another kind of model");
    begin(&f, 3, 0, 1);
    number_key(&f, "clipseg.layout", 2);
    check_refused(&f, "convert the model again");
    start(&f, 0, 1);
    number_key(&f, "clipseg.config.json", 1);
    check_refused(&f, "want a text");
    start(&f, 0, 1);
    text_key(&f, "clipseg.tokenizer.merges", "a b");
    check_refused(&f, "list of numbers of type i32");
    start(&f, 0, 1);
    number_key(&f, "general.alignment", 64);
    check_refused(&f, "occurs twice");
}

static void check_tensor(uint64_t rank, uint64_t size, uint64_t type, uint64_t offset, const char *reason)
{
    struct image f;

    start(&f, 1, 0);
    text(&f, "a");
    number(&f, rank, 4);
    for (uint64_t i = 0; i < rank && i < 8; i++)
        number(&f, size, 8);
    number(&f, type, 4);
    number(&f, offset, 8);
    pad(&f, 64);
    check_refused(&f, reason);
}

static void tensors_that_cannot_be_are_refused(void)
{
    check_tensor(0, 1, 0, 0, "dimensions");
    check_tensor(5, 1, 0, 0, "dimensions");
    check_tensor(UINT32_MAX, 1, 0, 0, "dimensions");
    check_tensor(1, 0, 0, 0, "a dimension of 0");
    check_tensor(1, UINT64_MAX, 0, 0, "a dimension of -1");
    check_tensor(2, (uint64_t)1 << 32, 0, 0, "too large");
    check_tensor(4, (uint64_t)1 << 16, 0, 0, "too large");
    check_tensor(1, INT64_MAX, 0, 0, "too large");
    check_tensor(1, (uint64_t)1 << 61, 0, 0, "beyond the end");
    check_tensor(1, 4, 2, 0, "type 2 is not known");
    check_tensor(1, 4, 0, 1, "multiple of 64");
    check_tensor(1, 4, 0, UINT64_MAX - 63, "beyond the end");
    check_tensor(1, 4, 0, 64, "hole");
    check_tensor(1, 17, 0, 0, "beyond the end");
}

static void tensors_lie_side_by_side(void)
{
    struct image f;

    start(&f, 2, 0);
    tensor(&f, "a", 20, GGUF_TENSOR_F32, 0);
    tensor(&f, "b", 4, GGUF_TENSOR_F32, 64);
    pad(&f, 128);
    check_refused(&f, "overlap");
    start(&f, 2, 0);
    tensor(&f, "a", 4, GGUF_TENSOR_F32, 0);
    tensor(&f, "a", 4, GGUF_TENSOR_F32, 64);
    pad(&f, 128);
    check_refused(&f, "occurs twice");
    start(&f, 1, 0);
    tensor(&f, "a", 4, GGUF_TENSOR_F32, 0);
    pad(&f, 128);
    check_refused(&f, "tensors end at byte 16");
    start(&f, 1, 0);
    tensor(&f, "a", 4, GGUF_TENSOR_F32, 0);
    pad(&f, 15);
    check_refused(&f, "beyond the end");
    start(&f, 1, 0);
    tensor(&f, "", 4, GGUF_TENSOR_F32, 0);
    pad(&f, 16);
    check_refused(&f, "name");
}

static void every_prefix_and_bit_flip_has_a_clean_verdict(void)
{
    struct image f;
    struct checkpoint checkpoint;
    clipseg_error error;

    make_good(&f);
    for (size_t size = 0; size < f.size; size++) {
        struct image prefix = f;
        prefix.size = size;
        check_refused(&prefix, "");
    }
    for (size_t bit = 0; bit < 8 * f.size; bit++) {
        *error.text = 0;
        f.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        clipseg_status status = read_image(f.bytes, f.size, &checkpoint, &error);
        CHECK(status == CLIPSEG_OK || (status == CLIPSEG_ERROR_MODEL && *error.text));
        checkpoint_close(&checkpoint);
        f.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
}

/* The header ends at 4 MiB, whatever it promises. */
static void floods_of_keys_end(void)
{
    size_t size = (size_t)8 << 20, at = 24;
    unsigned char *bytes = calloc(1, size);
    struct checkpoint checkpoint;
    clipseg_error error = {0};
    struct image f;

    begin(&f, 3, 0, 300000);
    memcpy(bytes, f.bytes, f.size);
    for (unsigned i = 0; at + 21 < size; i++, at += 21) {
        f.size = 0;
        number(&f, 8, 8);
        snprintf((char *)f.bytes + 8, 9, "%08u", i);
        f.size = 16;
        number(&f, GGUF_U8, 4);
        number(&f, 0, 1);
        memcpy(bytes + at, f.bytes, 21);
    }
    CHECK(read_image(bytes, size, &checkpoint, &error) == CLIPSEG_ERROR_MODEL);
    CHECK_TEXT(strstr(error.text, "4 MiB") != NULL, error.text);
    checkpoint_close(&checkpoint);
    free(bytes);
}

static void half_precision_rounds_to_nearest_even(void)
{
    static const struct {
        float value;
        uint16_t half;
    } pairs[] = {{0.0f, 0},
                 {-0.0f, 0x8000},
                 {1.0f, 0x3c00},
                 {-2.0f, 0xc000},
                 {65504.0f, 0x7bff},
                 {65519.0f, 0x7bff},
                 {65520.0f, 0x7c00},
                 {1e9f, 0x7c00},
                 {-1e9f, 0xfc00},
                 {1.00048828125f, 0x3c00},
                 {1.00146484375f, 0x3c02},
                 {6.103515625e-05f, 0x0400},
                 {6.0975552e-05f, 0x03ff},
                 {5.9604645e-08f, 0x0001},
                 {2.9802322e-08f, 0x0000},
                 {2.9802326e-08f, 0x0001},
                 {1e-30f, 0x0000},
                 {8.940697e-08f, 0x0002}};

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        CHECK(half_from_float(pairs[i].value) == pairs[i].half);
    for (uint32_t half = 0; half < 0x10000; half++) { /* alone, and within a block */
        uint16_t block[33];
        float values[33], value = float_from_half((uint16_t)half);
        for (size_t i = 0; i < 33; i++)
            block[i] = (uint16_t)(half + i);
        struct tensor tensor = {.type = TENSOR_F16, .count = 33, .data = (const unsigned char *)block};
        tensor_read_f32(&tensor, 0, 33, values);
        for (size_t i = 0; i < 33; i += 8) {
            float alone = float_from_half(block[i]);
            CHECK(!memcmp(&alone, &values[i], sizeof alone));
        }
        CHECK(value != value || half_from_float(value) == half);
    }
}

static const struct test tests[] = {
    {"good_files_are_read", good_files_are_read},
    {"what_is_written_can_be_read", what_is_written_can_be_read},
    {"lying_counts_and_versions_are_refused", lying_counts_and_versions_are_refused},
    {"lying_texts_and_lists_are_refused", lying_texts_and_lists_are_refused},
    {"keys_of_the_wrong_type_or_value_are_refused", keys_of_the_wrong_type_or_value_are_refused},
    {"tensors_that_cannot_be_are_refused", tensors_that_cannot_be_are_refused},
    {"tensors_lie_side_by_side", tensors_lie_side_by_side},
    {"every_prefix_and_bit_flip_has_a_clean_verdict", every_prefix_and_bit_flip_has_a_clean_verdict},
    {"floods_of_keys_end", floods_of_keys_end},
    {"half_precision_rounds_to_nearest_even", half_precision_rounds_to_nearest_even},
};

TEST_MAIN(tests)
