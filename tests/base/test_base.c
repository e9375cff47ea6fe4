/* test_base.c: threads, planned memory, files that appear whole, strict JSON. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/pool.h"
#include "tests/test.h"

/* ---- pool */

struct counting {
    atomic_int runs[1000];
    atomic_size_t highest_worker;
};

static void count_task(void *context, size_t task, size_t worker)
{
    struct counting *counting = context;

    atomic_fetch_add(&counting->runs[task], 1);
    if (worker > atomic_load(&counting->highest_worker))
        atomic_store(&counting->highest_worker, worker);
}

static void every_task_runs_exactly_once(void)
{
    for (size_t threads = 1; threads <= 5; threads++) {
        struct pool *pool = pool_create(threads);
        REQUIRE(pool && pool_threads(pool) == threads);
        for (size_t count = 0; count <= 1000; count += 1 + count) {
            struct counting counting = {0};
            bool once = true;
            for (int round = 1; round <= 20; round++)
                pool_run(pool, count, count_task, &counting);
            for (size_t i = 0; i < 1000; i++)
                once = once && atomic_load(&counting.runs[i]) == (i < count ? 20 : 0);
            CHECK(once && atomic_load(&counting.highest_worker) < threads);
        }
        pool_free(pool);
    }
}

static double process_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void an_idle_pool_burns_nothing(void)
{
    struct pool *pool = pool_create(4);
    struct counting counting = {0};
    const struct timespec pause = {0, 300000000};

    REQUIRE(pool);
    pool_run(pool, 100, count_task, &counting);
    double before = process_seconds();
    nanosleep(&pause, NULL);
    CHECK(process_seconds() - before < 0.1);
    pool_free(pool);
}

/* ---- memory */

static void an_arena_gives_what_was_planned(void)
{
    struct arena arena = {0};
    char *a, *b;

    CHECK(!arena_take(&arena, 100, 3) && !arena_take(&arena, 1, 1));
    REQUIRE(arena_allocate(&arena));
    a = arena_take(&arena, 100, 3);
    b = arena_take(&arena, 1, 1);
    CHECK(a && b == a + 320 && (uintptr_t)a % CACHE_LINE == 0);
    memset(a, 1, 300);
    *b = 1;
    arena_free(&arena);
}

static void sizes_that_wrap_are_noticed(void)
{
    struct arena arena = {0};
    size_t result;

    CHECK(!size_multiply(SIZE_MAX / 2, 3, &result) && !size_add(SIZE_MAX, 1, &result));
    CHECK(!memory_aligned(SIZE_MAX / 2, 4) && !memory_aligned(1, SIZE_MAX));
    arena_take(&arena, SIZE_MAX / 2, 4);
    CHECK(arena.overflow && !arena_allocate(&arena));
}

static void json_strings_are_escaped(void)
{
    struct buffer buffer = {0};

    buffer_json_string(&buffer, "a\"\\\n\x01\xc3\xa9\xff\xed\xa0\x80");
    CHECK(!buffer.failed &&
          !strcmp(buffer.data,
                  "\"a\\\"\\\\\\u000a\\u0001\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""));
    buffer_free(&buffer);
}

static void messages_stay_on_one_line(void)
{
    clipseg_error error;

    CHECK(error_set(&error, CLIPSEG_ERROR_IO, "%s", "a\nb\x1b[31m") == CLIPSEG_ERROR_IO);
    CHECK(!strchr(error.text, '\n') && !strchr(error.text, '\x1b'));
    CHECK(error_set(NULL, CLIPSEG_ERROR_MODEL, "no place for it") == CLIPSEG_ERROR_MODEL);
}

/* ---- files */

static bool holds(const char *path, const char *text)
{
    struct file_map map;
    bool same;

    if (file_map_open(&map, path, NULL))
        return false;
    same = map.size == strlen(text) && !memcmp(map.data, text, map.size);
    file_map_close(&map);
    return same;
}

static void files_appear_whole_or_not_at_all(void)
{
    char folder[] = "/tmp/clipseg-test-XXXXXX", path[64];
    struct file_writer writer;

    REQUIRE(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/file", folder);
    CHECK(!file_write_bytes(path, "old", 3, true, NULL) && holds(path, "old"));
    REQUIRE(!file_write_open(&writer, path, NULL));
    fputs("new", writer.stream);
    fflush(writer.stream);
    CHECK(holds(path, "old"));
    file_write_abandon(&writer);
    CHECK(holds(path, "old"));
    REQUIRE(!file_write_open(&writer, path, NULL));
    fputs("new", writer.stream);
    CHECK(!file_write_commit(&writer, false, NULL) && holds(path, "new"));
    CHECK(unlink(path) == 0 && rmdir(folder) == 0); /* nothing else was left there */
}

static void what_is_no_file_is_refused_at_once(void)
{
    char path[] = "/tmp/clipseg-fifo-XXXXXX";
    struct file_map map;
    clipseg_error error;

    CHECK(file_map_open(&map, "/nowhere", &error) == CLIPSEG_ERROR_IO);
    CHECK(file_map_open(&map, "/tmp", &error) == CLIPSEG_ERROR_IO && strstr(error.text, "a folder"));
    CHECK(file_map_open(&map, "/dev/zero", &error) == CLIPSEG_ERROR_IO && strstr(error.text, "a device"));
    close(mkstemp(path));
    unlink(path);
    REQUIRE(mkfifo(path, 0600) == 0);
    CHECK(file_map_open(&map, path, &error) == CLIPSEG_ERROR_IO && strstr(error.text, "a pipe"));
    unlink(path);
}

/* ---- JSON */

static clipseg_status parse(const char *text, size_t size)
{
    json_t *root = NULL;
    clipseg_status status = json_parse(&root, text, size, "x", CLIPSEG_ERROR_MODEL, NULL);

    json_decref(root);
    return status;
}

static void json_is_strict(void)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "{",
                                      "[1,]",
                                      "{\"a\":1,}",
                                      "{'a':1}",
                                      "[1] x",
                                      "\xef\xbb\xbf{}",
                                      "3",
                                      "\"x\"",
                                      "[\"\xff\"]",
                                      "{\"a\":1,\"a\":2}",
                                      "[\"\\u0000\"]",
                                      "[NaN]",
                                      "[01]",
                                      "[\"\\ud800\"]",
                                      "[1e999]",
                                      "[\"\t\"]"};
    char deep[201];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_TEXT(parse(bad[i], strlen(bad[i])) == CLIPSEG_ERROR_MODEL, bad[i]);
    CHECK(!parse("{}", 2) && !parse("[1, \"\\u00e9]{[\", {}]", 20));
    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    CHECK(parse(deep, 200) == CLIPSEG_ERROR_MODEL);
    CHECK(!parse(deep + 40, 120));
}

static const struct test tests[] = {
    {"every_task_runs_exactly_once", every_task_runs_exactly_once},
    {"an_idle_pool_burns_nothing", an_idle_pool_burns_nothing},
    {"an_arena_gives_what_was_planned", an_arena_gives_what_was_planned},
    {"sizes_that_wrap_are_noticed", sizes_that_wrap_are_noticed},
    {"json_strings_are_escaped", json_strings_are_escaped},
    {"messages_stay_on_one_line", messages_stay_on_one_line},
    {"files_appear_whole_or_not_at_all", files_appear_whole_or_not_at_all},
    {"what_is_no_file_is_refused_at_once", what_is_no_file_is_refused_at_once},
    {"json_is_strict", json_is_strict},
};

TEST_MAIN(tests)
