/* test_index.c: searching an index finds what comparing everything finds, on vectors that are meant to
 * deceive it. */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "index/bound.h"
#include "index/scan.h"
#include "index/vector.h"
#include "tests/test.h"

#define MOST 50

static unsigned long long seed = 7;
static char folder[] = "/tmp/clipseg-index-XXXXXX";

static const char *temporary(void)
{
    static char path[200];

    snprintf(path, sizeof path, "%s/vectors", folder);
    return path;
}

/* ---- kinds of vectors: x is [dimension], of length 1 when it leaves */

typedef void vector_maker(float *x, size_t dimension, size_t number);

static void random_direction(float *x, size_t dimension, size_t number)
{
    (void)number;
    for (size_t i = 0; i < dimension; i++)
        x[i] = test_random(&seed);
}

/* The bytes of all of them are the same; only the floats differ, in their last bits. */
static void nearly_equal(float *x, size_t dimension, size_t number)
{
    for (size_t i = 0; i < dimension; i++)
        x[i] = 1.0f + (float)(i % 3) + 3e-7f * (float)((number * 7919 + i) % 101);
}

static void equal(float *x, size_t dimension, size_t number)
{
    (void)number;
    for (size_t i = 0; i < dimension; i++)
        x[i] = i % 2 ? 1.0f : -0.5f;
}

/* One large number makes the steps so coarse that all others round to nothing. */
static void spike(float *x, size_t dimension, size_t number)
{
    for (size_t i = 0; i < dimension; i++)
        x[i] = 0.0019f * test_random(&seed);
    x[number % dimension] = number % 2 ? 1.0f : -1.0f;
}

/* Halfway between two bytes, where rounding loses most. */
static void halfway(float *x, size_t dimension, size_t number)
{
    for (size_t i = 0; i < dimension; i++)
        x[i] = (float)(((number + i * i) % 8) * 2 + 1) * 0.5f * (test_random(&seed) < 0.0f ? -1.0f : 1.0f);
    x[0] = 127.0f;
}

static void sparse(float *x, size_t dimension, size_t number)
{
    memset(x, 0, dimension * sizeof *x);
    if (number % 5) /* and some are nothing at all */
        x[number % dimension] = 1.0f;
}

static vector_maker *const makers[] = {random_direction, nearly_equal, equal, spike, halfway, sparse};
#define MAKERS (sizeof makers / sizeof *makers)

/* ---- an index and its brute force */

struct index {
    size_t count, dimension;
    float *all; /* [count, dimension] */
    struct vectors vectors;
};

static bool make_index(struct index *index, size_t count, size_t dimension, vector_maker *make)
{
    struct vectors_writer writer;
    bool made;

    unlink(temporary());
    *index = (struct index){count, dimension, malloc(count * dimension * sizeof(float)), {0}};
    made = !vectors_write_open(&writer, temporary(), dimension, 5, NULL);
    for (size_t i = 0; made && i < count; i++) {
        float *x = index->all + i * dimension;
        make(x, dimension, i);
        vector_normalize(x, dimension);
        made = !vectors_write(&writer, i, 1 + i, x, NULL);
    }
    for (size_t i = 3; made && i < count; i += 11) { /* some slots are empty again */
        made = !vectors_clear(&writer, i, NULL);
        index->all[i * dimension] = NAN;
    }
    vectors_write_close(&writer);
    return made && !vectors_open(&index->vectors, temporary(), NULL);
}

static void free_index(struct index *index)
{
    vectors_close(&index->vectors);
    free(index->all);
}

static int by_score(const void *a, const void *b)
{
    const struct match *x = a, *y = b;

    return x->score > y->score ? -1 : x->score < y->score ? 1 : x->id < y->id ? -1 : x->id > y->id;
}

static size_t brute_force(const struct index *index, const float *query, struct match *matches)
{
    size_t found = 0;

    for (size_t i = 0; i < index->count; i++) {
        const float *x = index->all + i * index->dimension;
        double sum = 0.0;
        for (size_t k = 0; k < index->dimension; k++)
            sum += (double)query[k] * (double)x[k];
        if (!isnan(x[0]))
            matches[found++] = (struct match){i + 1, i, sum};
    }
    qsort(matches, found, sizeof *matches, by_score);
    return found;
}

static void compare(const struct index *index, const float *query, const char *cpu, size_t threads)
{
    struct match *want = malloc(index->count * sizeof *want), got[MOST];
    size_t all = brute_force(index, query, want), most = 1 + (size_t)(25.0f + 24.0f * test_random(&seed)),
           found;
    struct kernels kernels;
    struct pool *pool = pool_create(threads);

    REQUIRE(pool && kernels_init(&kernels, cpu));
    REQUIRE(!scan_best(&index->vectors, &kernels, pool, query, most, got, &found, NULL));
    CHECK(found == (most < all ? most : all));
    for (size_t i = 0; i < found; i++)
        CHECK(got[i].id == want[i].id && got[i].score == want[i].score && got[i].slot == want[i].slot);
    pool_free(pool);
    free(want);
}

static void scan_equals_comparing_everything(void)
{
    static const size_t dimensions[] = {1, 7, 24, 64, 130, 512};
    float query[512];

    for (size_t kind = 0; kind < MAKERS; kind++)
        for (size_t d = 0; d < sizeof dimensions / sizeof *dimensions; d++) {
            struct index index;
            REQUIRE(make_index(&index, 1500 + 700 * d, dimensions[d], makers[kind]));
            for (size_t k = 0; k < MAKERS; k++) {
                makers[k](query, dimensions[d], 5 * k + 1);
                vector_normalize(query, dimensions[d]);
                compare(&index, query, k % 2 ? NULL : "scalar", 1 + k % 3);
            }
            free_index(&index);
        }
}

static void bounds_hold_for_every_pair(void)
{
    float x[130], y[130];
    int8_t p[192], q[192];

    for (size_t round = 0; round < 40000; round++) {
        size_t n = 1 + round % 130;
        makers[round % MAKERS](x, n, round);
        makers[round / MAKERS % MAKERS](y, n, round / 3);
        vector_normalize(x, n);
        vector_normalize(y, n);
        struct vector_slot a = vector_quantize(x, n, p), b = vector_quantize(y, n, q);
        struct bound_query query = bound_query(&b, sqrt(vector_product(y, y, n)), n);
        int32_t product = 0;
        for (size_t i = 0; i < n; i++)
            product += p[i] * q[i];
        struct bound bound = bound_of(&a, &query, product);
        CHECK(fabs(vector_product(x, y, n) - bound.middle) <= bound.width);
    }
}

/* What the bounds are for: without the part of one vector's rounding they would be wrong. */
static void bounds_need_both_roundings(void)
{
    float x[64], y[64];
    int8_t p[64], q[64];
    size_t wrong = 0;

    for (size_t round = 0; round < 2000; round++) {
        spike(x, 64, 0);
        halfway(y, 64, round);
        vector_normalize(x, 64);
        vector_normalize(y, 64);
        struct vector_slot a = vector_quantize(x, 64, p), b = vector_quantize(y, 64, q);
        struct bound_query query = bound_query(&b, 1.0, 64);
        int32_t product = 0;
        for (size_t i = 0; i < 64; i++)
            product += p[i] * q[i];
        a.error = 0.0f;
        query.error = 0.0;
        struct bound bound = bound_of(&a, &query, product);
        wrong += fabs(vector_product(x, y, 64) - bound.middle) > bound.width;
    }
    CHECK(wrong > 100);
}

static void groups_are_what_all_pairs_say(void)
{
    struct index index;
    struct kernels kernels;
    struct pool *pool = pool_create(3);
    float base[40];
    const double similarity = 0.9;

    REQUIRE(pool && kernels_init(&kernels, getenv("CLIPSEG_CPU")) &&
            make_index(&index, 1100, 40, random_direction));
    struct vectors_writer writer;
    REQUIRE(!vectors_write_open(&writer, temporary(), 40, 5, NULL));
    for (size_t i = 0; i < 1100; i += 4) { /* families of pictures around a common one */
        if (i % 100 == 0)
            random_direction(base, 40, i);
        float *x = index.all + i * 40;
        for (size_t k = 0; k < 40; k++)
            x[k] = base[k] + 0.25f * test_random(&seed);
        vector_normalize(x, 40);
        REQUIRE(!vectors_write(&writer, i, i + 1, x, NULL));
    }
    vectors_write_close(&writer);
    size_t slots = index.vectors.blocks * VECTORS_BLOCK;
    uint32_t *group = malloc(slots * sizeof *group), *want = malloc(slots * sizeof *want);
    scan_groups(&index.vectors, &kernels, pool, similarity, group);
    for (uint32_t i = 0; i < slots; i++)
        want[i] = i;
    for (bool changed = true; changed;) { /* until nothing is linked to a smaller one */
        changed = false;
        for (size_t i = 0; i < 1100; i++)
            for (size_t j = 0; j < i; j++) {
                const float *x = index.all + i * 40, *y = index.all + j * 40;
                if (want[i] != want[j] && !isnan(x[0]) && !isnan(y[0]) &&
                    vector_product(x, y, 40) >= similarity) {
                    want[i] = want[j] = want[i] < want[j] ? want[i] : want[j];
                    changed = true;
                }
            }
    }
    size_t together = 0;
    for (size_t i = 0; i < slots; i++) {
        CHECK(group[i] == want[i]);
        together += want[i] != i;
    }
    CHECK(together > 50 && together < 600);
    free(group);
    free(want);
    free_index(&index);
    pool_free(pool);
}

static void damaged_files_are_refused(void)
{
    struct vectors_writer writer, second;
    struct vectors vectors;
    clipseg_error error;
    float x[8] = {1.0f};
    const char *path = temporary();

    unlink(path);
    REQUIRE(!vectors_write_open(&writer, path, 8, 77, &error));
    REQUIRE(!vectors_write(&writer, 2000, 9, x, &error));
    CHECK(vectors_write_open(&second, path, 8, 77, &error) == CLIPSEG_ERROR_IO &&
          strstr(error.text, "another"));
    vectors_write_close(&writer);
    CHECK(vectors_write_open(&second, path, 8, 78, &error) == CLIPSEG_ERROR_IO &&
          strstr(error.text, "belong"));
    CHECK(vectors_write_open(&second, path, 9, 77, &error) == CLIPSEG_ERROR_IO);
    REQUIRE(!vectors_open(&vectors, path, &error));
    CHECK(vectors.blocks == 2 && vectors.identity == 77 && vectors_slots(&vectors, 1)[2000 - 1024].id == 9);
    vectors_close(&vectors);
    REQUIRE(!truncate(path, 3000));
    CHECK(vectors_open(&vectors, path, &error) == CLIPSEG_ERROR_IO && strstr(error.text, "cut off"));
    FILE *file = fopen(path, "wb");
    for (size_t i = 0; i < 5000; i++)
        fputc('x', file);
    fclose(file);
    CHECK(vectors_open(&vectors, path, &error) == CLIPSEG_ERROR_IO && strstr(error.text, "no vectors"));
    CHECK(vectors_write_open(&second, path, 8, 77, &error) == CLIPSEG_ERROR_IO);
}

static const struct test tests[] = {
    {"scan_equals_comparing_everything", scan_equals_comparing_everything},
    {"bounds_hold_for_every_pair", bounds_hold_for_every_pair},
    {"bounds_need_both_roundings", bounds_need_both_roundings},
    {"groups_are_what_all_pairs_say", groups_are_what_all_pairs_say},
    {"damaged_files_are_refused", damaged_files_are_refused},
};

int main(void)
{
    if (!mkdtemp(folder))
        return 2;
    int code = test_main(tests, sizeof tests / sizeof *tests);
    unlink(temporary());
    rmdir(folder);
    return code;
}
