/* test_expression.c: the grammar of prompts, and what expressions mean on maps of logits. */
#include <math.h>
#include <string.h>

#include "segment/expression.h"
#include "tests/test.h"

#define SIDE 48

/* Postfix with single letters for operations, as "a b N &". */
static void describe(const struct expression *e, char *out, size_t size)
{
    out[0] = 0;
    for (size_t i = 0; i < e->step_count; i++) {
        const struct expression_step *s = &e->steps[i];
        size_t used = strlen(out);
        const char *space = i ? " " : "";
        if (s->operation == EXPRESSION_LEAF)
            snprintf(out + used, size - used, "%s[%s]", space, e->leaves[s->leaf].text);
        else if (s->operation == EXPRESSION_GROW)
            snprintf(out + used, size - used, "%s%+g%s", space, (double)s->value, s->percent ? "%" : "px");
        else if (s->operation == EXPRESSION_STRENGTH)
            snprintf(out + used, size - used, "%s*%g", space, (double)s->value);
        else
            snprintf(out + used, size - used, "%s%s", space,
                     s->operation == EXPRESSION_AND  ? "AND"
                     : s->operation == EXPRESSION_OR ? "OR"
                                                     : "NOT");
    }
}

static void means(const char *text, const char *want)
{
    struct expression e;
    clipseg_error error = {0};
    char found[512] = "";

    CHECK_TEXT(expression_recognised(text), text);
    if (expression_parse(&e, text, &error)) {
        CHECK_TEXT(false, error.text);
        return;
    }
    describe(&e, found, sizeof found);
    if (strcmp(found, want) != 0) {
        CHECK_TEXT(false, text);
        printf("    found %s\n    want  %s\n", found, want);
    }
    expression_free(&e);
}

static void fails(const char *text, size_t column, const char *why)
{
    struct expression e;
    clipseg_error error = {0};
    char place[32];

    snprintf(place, sizeof place, "column %zu:", column);
    CHECK_TEXT(expression_parse(&e, text, &error) == CLIPSEG_ERROR_USAGE, text);
    if (!strstr(error.text, place) || !strstr(error.text, why)) {
        CHECK_TEXT(false, error.text);
        printf("    want %s %s\n", place, why);
    }
}

static void only_capital_keywords_and_modifiers_outside_quotes_make_an_expression(void)
{
    CHECK(!expression_recognised("salt and pepper"));
    CHECK(!expression_recognised("salt And pepper"));
    CHECK(!expression_recognised("a cat (orange)"));
    CHECK(!expression_recognised("ANDY OR1 NOTE"));
    CHECK(!expression_recognised("the \"salt AND pepper\" shop"));
    CHECK(!expression_recognised("a \"never closed AND"));
    CHECK(!expression_recognised("a {nice} cup {}, {+}, {+x}"));
    CHECK(!expression_recognised("a \"cup{+5px}\""));
    CHECK(!expression_recognised(""));
    CHECK(expression_recognised("NOT sky"));
    CHECK(expression_recognised("a(b)AND(c)"));
    CHECK(expression_recognised("x\tOR\ty"));
    CHECK(expression_recognised("AND"));
    CHECK(expression_recognised("cup{*1.5}"));
    CHECK(expression_recognised("@cup.prompt {-.5%"));
}

static void not_binds_before_and_before_or(void)
{
    means("face AND NOT (hair OR hat)", "[face] [hair] [hat] OR NOT AND");
    means("a OR b AND c", "[a] [b] [c] AND OR");
    means("a AND b OR c", "[a] [b] AND [c] OR");
    means("NOT a AND b", "[a] NOT [b] AND");
    means("NOT NOT a", "[a] NOT NOT");
    means("(a OR b) AND c", "[a] [b] OR [c] AND");
    means("a AND b AND c", "[a] [b] AND [c] AND");
}

static void phrases_keep_their_words(void)
{
    means("a  red  cup AND a big dog's ear", "[a  red  cup] [a big dog's ear] AND");
    means("\"salt AND \\\"pepper\\\"\" OR x", "[salt AND \"pepper\"] [x] OR");
    means("caf\xc3\xa9 OR \xe6\x97\xa5\xe6\x9c\xac", "[caf\xc3\xa9] [\xe6\x97\xa5\xe6\x9c\xac] OR");
    means("@cup.prompt AND and", "[@cup.prompt] [and] AND");
}

static void modifiers_bind_to_what_stands_before_them(void)
{
    means("cup{+5px} AND NOT hand{-2%}", "[cup] +5px [hand] -2% NOT AND");
    means("NOT (a OR b){+1.5}", "[a] [b] OR +1.5px NOT");
    means("cup{+5px *1.5}", "[cup] +5px *1.5");
    means("a {*2 +3%} OR b {-1}{*.5}", "[a] *2 +3% [b] -1px *0.5 OR");
}

static void mistakes_are_told_with_their_column(void)
{
    fails("face AND", 9, "ends where a phrase should be");
    fails("AND face", 1, "want a phrase here");
    fails("face AND (hair OR hat", 10, "never closed");
    fails("face) AND hat", 5, ") without (");
    fails("face NOT hat", 6, "want AND NOT");
    fails("face AND OR hat", 10, "want a phrase here");
    fails("\xe6\x97\xa5\xe6\x9c\xac AND ()", 9, "want a phrase here");
    fails("a AND \"b", 7, "quote is never closed");
    fails("a AND \"\"", 7, "empty phrase");
    fails("cup{+5px", 9, "want px, %, } or a space");
    fails("a AND b{", 8, "never closed");
    fails("a AND b{5px}", 9, "want a modifier");
    fails("a AND b{+px}", 10, "want a number");
    fails("a AND b{+5cm}", 11, "want px");
    fails("a AND b{*0}", 9, "strength above 0");
    fails("a AND b{+101%}", 9, "100 per cent");
    fails("a AND b} c", 8, "} without {");
    fails("a AND b \"c\"", 9, "want AND, OR or the end");
    fails("a AND {+3}", 7, "want a phrase here");
}

static void deep_and_long_ones_are_refused(void)
{
    char text[20000] = "";

    for (size_t i = 0; i < 5000; i++)
        text[i] = '(';
    strcpy(text + 5000, "a AND b");
    fails(text, 101, "too many parentheses");
    text[0] = 0;
    for (size_t i = 0; i < 1200; i++)
        strcat(text, "a AND ");
    strcat(text, "a");
    fails(text, 3075, "too long");
}

/* ---- values */

static float sigmoid(float z)
{
    return 1.0f / (1.0f + expf(-z));
}

static void probabilities_combine_as_minimum_maximum_and_complement(void)
{
    static float a[SIDE * SIDE], b[SIDE * SIDE], out[SIDE * SIDE], stack[4 * SIDE * SIDE];
    const float *leaves[] = {a, b};
    unsigned long long seed = 5;
    struct expression e;
    double worst = 0.0;

    for (size_t i = 0; i < SIDE * SIDE; i++) {
        a[i] = 8.0f * test_random(&seed);
        b[i] = 8.0f * test_random(&seed);
    }
    REQUIRE(!expression_parse(&e, "a{*1.5} AND NOT b", NULL));
    REQUIRE(expression_depth(&e) == 2);
    REQUIRE(!expression_evaluate(&e, leaves, SIDE, 100, 100, stack, out, NULL));
    for (size_t i = 0; i < SIDE * SIDE; i++) {
        float want = fminf(fminf(1.0f, 1.5f * sigmoid(a[i])), 1.0f - sigmoid(b[i]));
        worst = fmax(worst, fabs((double)(sigmoid(out[i]) - want)));
    }
    CHECK(worst < 1e-5);
    expression_free(&e);
    REQUIRE(!expression_parse(&e, "a OR b", NULL));
    a[0] = 80.0f;
    REQUIRE(!expression_evaluate(&e, leaves, SIDE, 100, 100, stack, out, NULL));
    CHECK(out[0] == EXPRESSION_LIMIT);
    CHECK(out[1] == fmaxf(a[1], b[1]));
    expression_free(&e);
}

/* The area of what is positive, in cells, of a disc's signed distance grown in a picture of 4:1. */
static void growing_moves_edges_by_pixels_of_the_picture(void)
{
    static float map[SIDE * SIDE], stack[SIDE * SIDE], out[SIDE * SIDE];
    const float *leaves[] = {map};
    const size_t width = 4 * SIDE, height = SIDE; /* four pixels to a cell across, one down */
    const struct {
        const char *text;
        double grown;
    } cases[] = {{"NOT NOT a{+3px}", 3.0},
                 {"NOT NOT a{-3px}", -3.0},
                 {"NOT NOT a{+12.5%}", 6.0},
                 {"NOT NOT a{+0.5px}", 0.5}};

    for (size_t y = 0; y < SIDE; y++)
        for (size_t x = 0; x < SIDE; x++) {
            double dx = (double)x * 4.0 - 94.0, dy = (double)y - 23.5;
            map[y * SIDE + x] = (float)(12.0 - sqrt(dx * dx + dy * dy)); /* a disc of radius 12 pixels */
        }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct expression e;
        double worst = 0.0;
        REQUIRE(!expression_parse(&e, cases[i].text, NULL));
        REQUIRE(!expression_evaluate(&e, leaves, SIDE, width, height, stack, out, NULL));
        for (size_t x = 0; x < SIDE; x++) { /* along the column and the row through the middle */
            double across = 12.0 + cases[i].grown - fabs((double)x * 4.0 - 94.0);
            double down = 12.0 + cases[i].grown - fabs((double)x - 23.5);
            if (fabs(across) < 3.0)
                worst = fmax(worst, fabs((double)out[23 * SIDE + x] - across));
            if (fabs(down) < 3.0)
                worst = fmax(worst, fabs((double)out[x * SIDE + 23] - down));
        }
        CHECK_TEXT(worst < 0.6, cases[i].text);
        expression_free(&e);
    }
}

static void growing_takes_the_largest_value_under_the_ellipse(void)
{
    static float map[SIDE * SIDE], before[SIDE * SIDE];
    unsigned long long seed = 9;
    bool covered = true;
    double rx = 4.3, ry = 2.6;

    for (size_t i = 0; i < SIDE * SIDE; i++)
        before[i] = map[i] = test_random(&seed);
    REQUIRE(!grid_grow(map, SIDE, rx, ry, NULL));
    for (long y = 0; y < SIDE; y++)
        for (long x = 0; x < SIDE; x++) {
            float inside = -2.0f, around = -2.0f;
            for (long v = 0; v < SIDE; v++)
                for (long u = 0; u < SIDE; u++) {
                    double ex = (double)(u - x) / rx, ey = (double)(v - y) / ry;
                    if (ex * ex + ey * ey <= 1.0)
                        inside = fmaxf(inside, before[v * SIDE + u]);
                    if (labs(u - x) <= 5 && labs(v - y) <= 3)
                        around = fmaxf(around, before[v * SIDE + u]);
                }
            covered = covered && map[y * SIDE + x] >= inside && map[y * SIDE + x] <= around + 1e-6f;
        }
    CHECK(covered);
}

static void presence_ignores_what_must_not_be_there(void)
{
    struct expression e;
    const float some[] = {0.9f, 0.2f, 0.4f}, unknown[] = {0.9f, NAN, 0.4f};

    REQUIRE(!expression_parse(&e, "face AND NOT hair", NULL));
    CHECK(expression_presence(&e, some) == 0.9f);
    expression_free(&e);
    REQUIRE(!expression_parse(&e, "a AND (b OR c)", NULL));
    CHECK(expression_presence(&e, some) == 0.4f);
    CHECK(isnan(expression_presence(&e, unknown)));
    expression_free(&e);
}

static const struct test tests[] = {
    {"only_capital_keywords_and_modifiers_outside_quotes_make_an_expression",
     only_capital_keywords_and_modifiers_outside_quotes_make_an_expression},
    {"not_binds_before_and_before_or", not_binds_before_and_before_or},
    {"phrases_keep_their_words", phrases_keep_their_words},
    {"modifiers_bind_to_what_stands_before_them", modifiers_bind_to_what_stands_before_them},
    {"mistakes_are_told_with_their_column", mistakes_are_told_with_their_column},
    {"deep_and_long_ones_are_refused", deep_and_long_ones_are_refused},
    {"probabilities_combine_as_minimum_maximum_and_complement",
     probabilities_combine_as_minimum_maximum_and_complement},
    {"growing_moves_edges_by_pixels_of_the_picture", growing_moves_edges_by_pixels_of_the_picture},
    {"growing_takes_the_largest_value_under_the_ellipse", growing_takes_the_largest_value_under_the_ellipse},
    {"presence_ignores_what_must_not_be_there", presence_ignores_what_must_not_be_there},
};

TEST_MAIN(tests)
