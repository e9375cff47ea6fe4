/* expression_parse.c: recursive descent over AND, OR, NOT, parentheses, quotes and modifiers. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "segment/expression.h"

#define DEEPEST 100
#define LARGEST_PIXELS 65535.0
#define LARGEST_STRENGTH 1000.0

/* ---- words */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static bool ends_word(char c)
{
    return !c || is_space(c) || strchr("(){}\"", c);
}

static size_t word_length(const char *text)
{
    size_t length = 0;

    while (!ends_word(text[length]))
        length++;
    return length;
}

static bool is_word(const char *text, const char *word)
{
    size_t length = strlen(word);

    return !strncmp(text, word, length) && ends_word(text[length]);
}

static bool is_keyword(const char *text)
{
    return is_word(text, "AND") || is_word(text, "OR") || is_word(text, "NOT");
}

/* Behind the closing quote of a string that begins here; NULL: it does not end. */
static const char *skip_quoted(const char *text)
{
    for (text++; *text && *text != '"'; text++)
        if (*text == '\\' && text[1])
            text++;
    return *text ? text + 1 : NULL;
}

/* "{+5", "{-.5", "{*2" */
static bool begins_modifier(const char *text)
{
    return text[0] == '{' && text[1] && strchr("+-*", text[1]) && text[2] && strchr("0123456789.", text[2]);
}

bool expression_recognised(const char *text)
{
    while (*text) {
        size_t length = word_length(text);
        if (*text == '"') {
            if (!(text = skip_quoted(text)))
                return false;
        } else if (is_keyword(text) || begins_modifier(text)) {
            return true;
        } else {
            text += length ? length : 1;
        }
    }
    return false;
}

/* ---- the parser */

struct parser {
    const char *text, *next;
    struct expression *expression;
    size_t depth;
    clipseg_error *error;
};

static void skip_spaces(struct parser *p)
{
    while (is_space(*p->next))
        p->next++;
}

/* The column of a place, in characters. */
static size_t column(const struct parser *p, const char *place)
{
    size_t number = 1;

    for (const char *c = p->text; c < place; c++)
        number += ((unsigned char)*c & 0xc0) != 0x80;
    return number;
}

static clipseg_status refuse(const struct parser *p, const char *place, const char *what)
{
    return error_set(p->error, CLIPSEG_ERROR_USAGE, "prompt \"%.200s\": column %zu: %s", p->text,
                     column(p, place), what);
}

static clipseg_status push(const struct parser *p, struct expression_step step)
{
    if (expression_push(p->expression, step))
        return CLIPSEG_OK;
    return p->expression->step_count >= EXPRESSION_MOST_STEPS
               ? refuse(p, p->next, "the expression is too long")
               : error_memory(p->error);
}

static clipseg_status push_leaf(const struct parser *p, const char *text, size_t length, bool quoted)
{
    if (expression_push_leaf(p->expression, text, length, quoted))
        return CLIPSEG_OK;
    return p->expression->step_count >= EXPRESSION_MOST_STEPS
               ? refuse(p, p->next, "the expression is too long")
               : error_memory(p->error);
}

/* ---- modifiers */

/* Digits, at most one point; the value, or -1. */
static double read_number(const char **text)
{
    const char *start = *text;
    double value = 0.0, place = 0.0;

    for (; (**text >= '0' && **text <= '9') || (**text == '.' && place == 0.0); (*text)++) {
        if (**text == '.') {
            place = 1.0;
        } else if (place == 0.0) {
            value = value * 10.0 + (**text - '0');
        } else {
            place /= 10.0;
            value += place * (**text - '0');
        }
    }
    return *text == start || (*text == start + 1 && *start == '.') ? -1.0 : value;
}

static clipseg_status parse_modifier(struct parser *p)
{
    const char *start = p->next;
    char sign = *p->next;
    struct expression_step step = {.operation = sign == '*' ? EXPRESSION_STRENGTH : EXPRESSION_GROW};

    if (!sign || !strchr("+-*", sign))
        return refuse(p, start, "want a modifier: {+5px} or {+2%} grows, {-5px} shrinks, {*1.5} strengthens");
    p->next++;
    double value = read_number(&p->next);
    if (value < 0.0)
        return refuse(p, p->next, "want a number");
    if (sign == '*') {
        if (value <= 0.0 || value > LARGEST_STRENGTH)
            return refuse(p, start, "want a strength above 0, at most 1000");
    } else if (*p->next == '%') {
        p->next++;
        step.percent = true;
        if (value > 100.0)
            return refuse(p, start, "want at most 100 per cent");
    } else if (!strncmp(p->next, "px", 2)) {
        p->next += 2;
    }
    if (!step.percent && value > LARGEST_PIXELS)
        return refuse(p, start, "want at most 65535 pixels");
    if (*p->next != '}' && !is_space(*p->next))
        return refuse(p, p->next, sign == '*' ? "want } or a space" : "want px, %, } or a space");
    step.value = (float)(sign == '-' ? -value : value);
    return push(p, step);
}

static clipseg_status parse_modifiers(struct parser *p)
{
    const char *start = p->next;
    clipseg_status status;

    p->next++;
    skip_spaces(p);
    do {
        if (!*p->next)
            return refuse(p, start, "{ is never closed");
        if ((status = parse_modifier(p)) != CLIPSEG_OK)
            return status;
        skip_spaces(p);
    } while (*p->next != '}');
    p->next++;
    return CLIPSEG_OK;
}

/* ---- phrases */

static clipseg_status parse_quoted(struct parser *p)
{
    const char *start = p->next, *end = skip_quoted(start);
    char *text;
    size_t length = 0;

    if (!end)
        return refuse(p, start, "the quote is never closed");
    if (!(text = memory_string(start, (size_t)(end - start))))
        return error_memory(p->error);
    for (const char *c = start + 1; c < end - 1; c++) {
        c += *c == '\\' && c + 1 < end - 1;
        text[length++] = *c;
    }
    p->next = end;
    clipseg_status status =
        length ? push_leaf(p, text, length, true) : refuse(p, start, "an empty phrase; name something");
    free(text);
    return status;
}

/* Words up to the next keyword or sign. */
static clipseg_status parse_words(struct parser *p)
{
    const char *start = p->next, *end = start;

    while (word_length(p->next) && !is_keyword(p->next)) {
        p->next += word_length(p->next);
        end = p->next;
        skip_spaces(p);
    }
    return push_leaf(p, start, (size_t)(end - start), false);
}

static clipseg_status parse_or(struct parser *p);

static clipseg_status parse_group(struct parser *p)
{
    const char *start = p->next;
    clipseg_status status;

    p->next++;
    status = parse_or(p);
    if (status)
        return status;
    if (*p->next != ')')
        return *p->next ? refuse(p, p->next, "want AND, OR or )") : refuse(p, start, "( is never closed");
    p->next++;
    return CLIPSEG_OK;
}

static clipseg_status parse_operand(struct parser *p)
{
    clipseg_status status;

    if (*p->next == '(')
        status = parse_group(p);
    else if (*p->next == '"')
        status = parse_quoted(p);
    else if (is_keyword(p->next))
        status = refuse(p, p->next, "want a phrase here; a keyword as text goes into double quotes");
    else if (*p->next == ')' || *p->next == '{' || *p->next == '}')
        status = refuse(p, p->next, "want a phrase here");
    else
        status =
            *p->next ? parse_words(p) : refuse(p, p->next, "the expression ends where a phrase should be");
    while (!status) {
        skip_spaces(p);
        if (*p->next != '{')
            break;
        status = parse_modifiers(p);
    }
    return status;
}

static clipseg_status parse_factor(struct parser *p)
{
    size_t negations = 0;
    clipseg_status status;

    for (skip_spaces(p); is_word(p->next, "NOT"); skip_spaces(p)) {
        p->next += 3;
        negations++;
    }
    if (++p->depth > DEEPEST)
        return refuse(p, p->next, "too many parentheses within each other");
    status = parse_operand(p);
    for (; !status && negations; negations--)
        status = push(p, (struct expression_step){.operation = EXPRESSION_NOT});
    p->depth--;
    return status;
}

static clipseg_status parse_and(struct parser *p)
{
    clipseg_status status = parse_factor(p);

    while (!status && is_word(p->next, "AND")) {
        p->next += 3;
        if ((status = parse_factor(p)) == CLIPSEG_OK)
            status = push(p, (struct expression_step){.operation = EXPRESSION_AND});
    }
    return status;
}

static clipseg_status parse_or(struct parser *p)
{
    clipseg_status status = parse_and(p);

    while (!status && is_word(p->next, "OR")) {
        p->next += 2;
        if ((status = parse_and(p)) == CLIPSEG_OK)
            status = push(p, (struct expression_step){.operation = EXPRESSION_OR});
    }
    return status;
}

clipseg_status expression_parse(struct expression *expression, const char *text, clipseg_error *error)
{
    struct parser p = {text, text, expression, 0, error};
    clipseg_status status;

    *expression = (struct expression){0};
    status = parse_or(&p);
    if (!status && is_word(p.next, "NOT"))
        status = refuse(&p, p.next, "NOT without AND or OR before it: want AND NOT");
    else if (!status && *p.next)
        status = refuse(&p, p.next,
                        *p.next == ')'   ? ") without ("
                        : *p.next == '}' ? "} without {"
                                         : "want AND, OR or the end");
    if (status)
        expression_free(expression);
    return status;
}
