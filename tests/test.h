/* test.h: a test program is a table of named functions. Each prints one line: ok, FAIL or skip. */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

struct test {
    const char *name; /* what must be true: "decoder_film_applies_before_first_block" */
    void (*run)(void);
};

static struct {
    int failures; /* of the test that runs */
    const char *skip;
} test_state;

static inline void test_report(bool passed, const char *file, int line, const char *what)
{
    if (passed)
        return;
    test_state.failures++;
    printf("  %s:%d: %s\n", file, line, what);
}

#define CHECK(condition) test_report((condition), __FILE__, __LINE__, #condition)
#define CHECK_TEXT(condition, text) test_report((condition), __FILE__, __LINE__, (text))
#define REQUIRE(condition)                                                                                   \
    do {                                                                                                     \
        bool required = (condition);                                                                         \
        test_report(required, __FILE__, __LINE__, #condition);                                               \
        if (!required)                                                                                       \
            return;                                                                                          \
    } while (0)

static inline void test_skip(const char *reason)
{
    test_state.skip = reason;
}

static inline int test_main(const struct test *tests, size_t count)
{
    int failed = 0;

    for (size_t i = 0; i < count; i++) {
        test_state.failures = 0;
        test_state.skip = NULL;
        tests[i].run();
        failed += test_state.failures > 0;
        if (test_state.failures)
            printf("FAIL %s\n", tests[i].name);
        else if (test_state.skip)
            printf("skip %s: %s\n", tests[i].name, test_state.skip);
        else
            printf("ok %s\n", tests[i].name);
        fflush(stdout);
    }
    return failed > 0;
}

#define TEST_MAIN(tests)                                                                                     \
    int main(void)                                                                                           \
    {                                                                                                        \
        return test_main(tests, sizeof(tests) / sizeof *(tests));                                            \
    }

/* ---- where data lies */

/* SOURCE/tests/data/NAME; valid until the next call of the same function */
static inline const char *test_file(const char *name)
{
    static char path[4096];

    snprintf(path, sizeof path, "%s/tests/data/%s", CLIPSEG_SOURCE, name);
    return path;
}

/* A file of the large test data ($CLIPSEG_TEST_DATA), or NULL when it is not there. */
static inline const char *test_shared(const char *name)
{
    static char path[4096];
    const char *folder = getenv("CLIPSEG_TEST_DATA");

    snprintf(path, sizeof path, "%s/%s", folder ? folder : CLIPSEG_TEST_DATA, name);
    FILE *file = fopen(path, "rb");
    if (file)
        fclose(file);
    return file ? path : NULL;
}

/* A deterministic stream of numbers in [-1, 1). */
static inline float test_random(unsigned long long *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (float)(*state >> 40) / 8388608.0f - 1.0f;
}

#endif
