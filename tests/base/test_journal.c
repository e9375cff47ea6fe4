/* test_journal.c: records survive, whatever happens to the end of the file. */
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/journal.h"
#include "tests/test.h"

#define RECORDS 40

static char path[32], second_path[32];

static void make(char name[32])
{
    strcpy(name, "journal-test-XXXXXX");
    int file = mkstemp(name);
    if (file >= 0)
        close(file);
}

static void fresh(void)
{
    make(path);
}

static bool add(struct journal *j, uint64_t key, const char *first, const char *second)
{
    struct buffer pieces[2] = {{0}};

    buffer_text(&pieces[0], first);
    buffer_text(&pieces[1], second);
    bool added = !journal_add(j, key, pieces, 2, NULL);
    buffer_free(&pieces[0]);
    buffer_free(&pieces[1]);
    return added;
}

static bool holds(struct journal *j, uint64_t key, const char *first, const char *second)
{
    struct buffer pieces[2] = {{0}};
    bool found = false;

    bool same = !journal_read(j, key, pieces, 2, &found, NULL) && found &&
                !strcmp(pieces[0].data ? pieces[0].data : "", first) &&
                !strcmp(pieces[1].data ? pieces[1].data : "", second);
    buffer_free(&pieces[0]);
    buffer_free(&pieces[1]);
    return same;
}

static void records_are_there_again_after_opening(void)
{
    struct journal *j = NULL;
    struct buffer three[3] = {{0}};
    bool found;

    fresh();
    REQUIRE(!journal_open(&j, path, NULL));
    CHECK(add(j, 1, "one", "") && add(j, 1ull << 63, "", "two") && add(j, 1, "later", "counts"));
    journal_close(&j, true);
    REQUIRE(!journal_open(&j, path, NULL));
    CHECK(journal_count(j) == 2 && journal_has(j, 1) && !journal_has(j, 2));
    CHECK(holds(j, 1, "later", "counts") && holds(j, 1ull << 63, "", "two"));
    CHECK(!journal_read(j, 1, three, 3, &found, NULL) && !found); /* another number of pieces */
    for (size_t i = 0; i < 3; i++)
        buffer_free(&three[i]);
    journal_close(&j, false);
    CHECK(access(path, F_OK) != 0);
}

/* A process that dies leaves a file that ends anywhere. */
static void every_prefix_opens_with_its_whole_records(void)
{
    struct journal *j = NULL;
    struct file_map map;
    char text[32];

    fresh();
    REQUIRE(!journal_open(&j, path, NULL));
    for (uint64_t i = 0; i < RECORDS; i++) {
        snprintf(text, sizeof text, "record %d", (int)i);
        REQUIRE(add(j, i, text, "x"));
    }
    journal_close(&j, true);
    REQUIRE(!file_map_open(&map, path, NULL));
    size_t before = 0;
    for (size_t end = 0; end < map.size; end++) {
        REQUIRE(!file_write_bytes(path, map.data, end, false, NULL));
        REQUIRE(!journal_open(&j, path, NULL));
        size_t count = journal_count(j);
        CHECK(count >= before && count <= RECORDS);
        before = count;
        snprintf(text, sizeof text, "record %d", (int)count - 1);
        CHECK(!count || holds(j, count - 1, text, "x"));
        CHECK(add(j, 1000, "goes", "on") && holds(j, 1000, "goes", "on"));
        journal_close(&j, false);
    }
    CHECK(before == RECORDS);
    file_map_close(&map);
}

static void a_flipped_bit_ends_the_journal_there(void)
{
    struct journal *j = NULL;
    struct file_map map;

    fresh();
    REQUIRE(!journal_open(&j, path, NULL));
    for (uint64_t i = 0; i < 5; i++)
        REQUIRE(add(j, i, "first piece", "second piece"));
    journal_close(&j, true);
    REQUIRE(!file_map_open(&map, path, NULL));
    for (size_t place = 0; place < map.size; place++) {
        char *copy = malloc(map.size);
        REQUIRE(copy != NULL);
        memcpy(copy, map.data, map.size);
        copy[place] ^= 0x10;
        REQUIRE(!file_write_bytes(path, copy, map.size, false, NULL));
        free(copy);
        REQUIRE(!journal_open(&j, path, NULL));
        for (uint64_t i = 0; i < journal_count(j); i++)
            CHECK(holds(j, i, "first piece", "second piece"));
        journal_close(&j, false);
    }
    file_map_close(&map);
}

/* After a power failure files may be lost that a record speaks of, unless they were known to be on the disk.
 */
static void after_a_restart_only_what_reached_the_disk_is_believed(void)
{
    struct journal *j = NULL;
    struct file_map map;

    fresh();
    REQUIRE(!journal_open(&j, path, NULL));
    CHECK(add(j, 1, "safe", ""));
    journal_close(&j, true); /* waits for the disk */
    REQUIRE(!journal_open(&j, path, NULL));
    CHECK(add(j, 2, "perhaps lost", ""));
    REQUIRE(!file_map_open(&map, path, NULL)); /* as if the machine stopped now */
    char *copy = malloc(map.size);
    REQUIRE(copy != NULL);
    memcpy(copy, map.data, map.size);
    journal_close(&j, false);
    size_t at = 18; /* the first record tells the boot id; any other id is another start of the machine */
    REQUIRE(copy[at] == 2);
    REQUIRE(!file_write_bytes(path, copy, at, false, NULL));
    FILE *file = fopen(path, "ab");
    REQUIRE(file != NULL);
    size_t record = 9 + (unsigned char)copy[at + 1];
    fwrite(copy + at + record, 1, map.size - at - record, file); /* without it */
    fclose(file);
    free(copy);
    file_map_close(&map);
    REQUIRE(!journal_open(&j, path, NULL));
    CHECK(holds(j, 1, "safe", "") && !journal_has(j, 2) && journal_count(j) == 1);
    journal_close(&j, false);
}

static void two_processes_cannot_hold_it(void)
{
    struct journal *j = NULL;
    int state = 0;

    fresh();
    REQUIRE(!journal_open(&j, path, NULL));
    pid_t child = fork();
    if (child == 0) {
        struct journal *mine = NULL;
        _exit(journal_open(&mine, path, NULL) == CLIPSEG_ERROR_IO ? 0 : 1);
    }
    REQUIRE(child > 0 && waitpid(child, &state, 0) == child);
    CHECK(WIFEXITED(state) && WEXITSTATUS(state) == 0);
    journal_close(&j, false);
}

static void one_journal_takes_over_another(void)
{
    struct journal *a = NULL, *b = NULL;

    fresh();
    make(second_path);
    REQUIRE(!journal_open(&a, path, NULL) && !journal_open(&b, second_path, NULL));
    CHECK(add(a, 1, "a", "") && add(b, 1, "b", "") && add(b, 2, "b", "2"));
    CHECK(!journal_merge(a, b, NULL) && journal_count(a) == 2);
    CHECK(holds(a, 1, "a", "") && holds(a, 2, "b", "2"));
    journal_close(&b, false);
    journal_close(&a, false);
}

static const struct test tests[] = {
    {"records_are_there_again_after_opening", records_are_there_again_after_opening},
    {"every_prefix_opens_with_its_whole_records", every_prefix_opens_with_its_whole_records},
    {"a_flipped_bit_ends_the_journal_there", a_flipped_bit_ends_the_journal_there},
    {"after_a_restart_only_what_reached_the_disk_is_believed",
     after_a_restart_only_what_reached_the_disk_is_believed},
    {"two_processes_cannot_hold_it", two_processes_cannot_hold_it},
    {"one_journal_takes_over_another", one_journal_takes_over_another},
};

int main(void)
{
    if (chdir("/tmp"))
        return 2;
    return test_main(tests, sizeof tests / sizeof *tests);
}
