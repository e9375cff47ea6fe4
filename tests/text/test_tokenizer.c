/* test_tokenizer.c: ids equal to the reference's, and vocabularies that are refused. */
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "base/file.h"
#include "tests/test.h"
#include "text/tokenizer.h"

static struct tokenizer *open_own(void)
{
    struct tokenizer *tokenizer = NULL;
    struct file_map vocab, merges;

    if (file_map_open(&vocab, test_file("tiny-refined/vocab.json"), NULL) ||
        file_map_open(&merges, test_file("tiny-refined/merges.txt"), NULL) ||
        tokenizer_from_vocabulary(&tokenizer, "own", vocab.data, vocab.size, merges.data, merges.size, NULL))
        abort();
    file_map_close(&vocab);
    file_map_close(&merges);
    return tokenizer;
}

static size_t encode(const struct tokenizer *tokenizer, const char *text, int32_t *ids, size_t capacity)
{
    size_t count = 0;

    if (tokenizer_encode(tokenizer, text, strlen(text), ids, capacity, &count, NULL))
        return 0;
    return count;
}

static bool same(const struct tokenizer *tokenizer, const char *a, const char *b)
{
    int32_t x[256], y[256];
    size_t n = encode(tokenizer, a, x, 256), m = encode(tokenizer, b, y, 256);

    return n && n == m && n <= 256 && !memcmp(x, y, n * sizeof *x);
}

static void case_and_spaces_do_not_matter(void)
{
    struct tokenizer *t = open_own();

    CHECK(same(t, "A Glass  OF\torange juice ", "a glass of orange juice"));
    CHECK(same(t, "cafe\u0301", "caf\u00e9"));
    CHECK(same(t, "\u0130", "i\u0307"));
    CHECK(!same(t, "glass", "glasses"));
    tokenizer_free(t);
}

static void words_split_as_the_expression_says(void)
{
    struct tokenizer *t = open_own();
    int32_t ids[64];

    CHECK(encode(t, "", ids, 64) == 2);
    CHECK(encode(t, "a", ids, 64) == 3);
    CHECK(encode(t, "orange juice", ids, 64) == 4);
    CHECK(encode(t, "12", ids, 64) == 4); /* digits one by one */
    CHECK(encode(t, "it's", ids, 64) == encode(t, "it", ids, 64) + encode(t, "'s", ids, 64) - 2);
    CHECK(encode(t, "a<|endoftext|>a", ids, 64) == 5 && ids[2] == ids[4]);
    CHECK(encode(t, "<|ENDOFTEXT|>", ids, 64) > 3); /* only exact case is special */
    tokenizer_free(t);
}

static void both_file_forms_give_the_same_ids(void)
{
    struct tokenizer *own = open_own(), *json = NULL;
    struct file_map file;
    int32_t a[64], b[64];

    REQUIRE(!file_map_open(&file, test_file("tiny-simple/tokenizer.json"), NULL));
    REQUIRE(!tokenizer_from_json(&json, "own", file.data, file.size, NULL));
    size_t count = encode(own, "a photo of blueberries, pancakes & cutlery", a, 64);
    CHECK(count == encode(json, "a photo of blueberries, pancakes & cutlery", b, 64));
    CHECK(!memcmp(a, b, count * sizeof *a));
    file_map_close(&file);
    tokenizer_free(own);
    tokenizer_free(json);
}

static void invalid_utf8_is_a_mistake_of_the_caller(void)
{
    struct tokenizer *t = open_own();
    size_t count;
    clipseg_error error;

    CHECK(tokenizer_encode(t, "a\xff", 2, NULL, 0, &count, &error) == CLIPSEG_ERROR_USAGE);
    CHECK(tokenizer_encode(t, "\xed\xa0\x80", 3, NULL, 0, &count, &error) == CLIPSEG_ERROR_USAGE);
    tokenizer_free(t);
}

static void a_word_of_100_kilobytes_takes_little_time(void)
{
    struct tokenizer *t = open_own();
    char *word = malloc(100001);
    size_t count;

    memset(word, 'a', 100000);
    word[100000] = 0;
    clock_t start = clock();
    CHECK(!tokenizer_encode(t, word, 100000, NULL, 0, &count, NULL));
    CHECK(clock() - start < CLOCKS_PER_SEC); /* quadratic merging would take many seconds */
    CHECK(count > 2);
    free(word);
    tokenizer_free(t);
}

static void check_refused(const char *vocab, const char *merges, const char *reason)
{
    struct tokenizer *tokenizer = NULL;
    clipseg_error error = {0};

    CHECK(tokenizer_from_vocabulary(&tokenizer, "x", vocab, strlen(vocab), merges, strlen(merges), &error) ==
          CLIPSEG_ERROR_MODEL);
    CHECK_TEXT(strstr(error.text, reason) != NULL, error.text);
    CHECK(!tokenizer);
}

static void damaged_vocabularies_are_refused_by_name(void)
{
    struct file_map vocab;

    check_refused("{}", "", "tokens");
    check_refused("[1]", "", "tokens");
    check_refused("{\"a\": 0", "", "no valid JSON");
    check_refused("{\"a\": 0, \"a\": 1}", "", "uplicate");
    check_refused("{\"a\": 0, \"b\": 0}", "", "occurs twice");
    check_refused("{\"a\": -1}", "", "id");
    check_refused("{\"a\": 1.5}", "", "id");
    check_refused("{\"a\": 0}", "", "missing");
    REQUIRE(!file_map_open(&vocab, test_file("tiny-refined/vocab.json"), NULL));
    char *text = strndup((const char *)vocab.data, vocab.size);
    check_refused(text, "zz qq\n", "vocabulary lacks");
    check_refused(text, "onlyone\n", "two tokens");
    struct tokenizer *crlf = NULL;
    CHECK(
        !tokenizer_from_vocabulary(&crlf, "x", vocab.data, vocab.size, "#version: 0.2\r\nt h\r\n", 20, NULL));
    tokenizer_free(crlf);
    free(text);
    file_map_close(&vocab);
}

/* 2,066 strings from several scripts, with the vocabulary of the generated checkpoint. */
static void ids_equal_the_recorded_ones(void)
{
    struct tokenizer *tokenizer = NULL;
    struct file_map vocab, merges, golden;
    size_t lines = 0, wrong = 0;
    const char *path = test_shared("goldens/tokenizer.jsonl");

    if (!path || file_map_open(&vocab, CLIPSEG_BUILD "/checkpoints/tiny/vocab.json", NULL)) {
        test_skip("needs the large test data and a generated checkpoint");
        return;
    }
    REQUIRE(!file_map_open(&merges, CLIPSEG_BUILD "/checkpoints/tiny/merges.txt", NULL));
    REQUIRE(!file_map_open(&golden, path, NULL));
    REQUIRE(!tokenizer_from_vocabulary(&tokenizer, "tiny", vocab.data, vocab.size, merges.data, merges.size,
                                       NULL));
    for (const char *line = (const char *)golden.data, *end; line < (const char *)golden.data + golden.size;
         line = end + 1) {
        end = memchr(line, '\n', (size_t)((const char *)golden.data + golden.size - line));
        json_t *row = json_loadb(line, (size_t)(end - line), JSON_ALLOW_NUL, NULL);
        const json_t *text = json_object_get(row, "text"), *want = json_object_get(row, "ids");
        int32_t *ids = calloc(json_array_size(want), sizeof *ids);
        size_t count = 0;
        clipseg_status status = tokenizer_encode(tokenizer, json_string_value(text), json_string_length(text),
                                                 ids, json_array_size(want), &count, NULL);
        bool equal = !status && count == json_array_size(want);
        for (size_t i = 0; equal && i < count; i++)
            equal = ids[i] == json_integer_value(json_array_get(want, i));
        wrong += !equal;
        lines++;
        free(ids);
        json_decref(row);
    }
    CHECK(lines > 2000 && wrong == 0);
    tokenizer_free(tokenizer);
    file_map_close(&vocab);
    file_map_close(&merges);
    file_map_close(&golden);
}

static const struct test tests[] = {
    {"case_and_spaces_do_not_matter", case_and_spaces_do_not_matter},
    {"words_split_as_the_expression_says", words_split_as_the_expression_says},
    {"both_file_forms_give_the_same_ids", both_file_forms_give_the_same_ids},
    {"invalid_utf8_is_a_mistake_of_the_caller", invalid_utf8_is_a_mistake_of_the_caller},
    {"a_word_of_100_kilobytes_takes_little_time", a_word_of_100_kilobytes_takes_little_time},
    {"damaged_vocabularies_are_refused_by_name", damaged_vocabularies_are_refused_by_name},
    {"ids_equal_the_recorded_ones", ids_equal_the_recorded_ones},
};

TEST_MAIN(tests)
