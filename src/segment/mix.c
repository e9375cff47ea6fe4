/* mix.c: reading what a prompt is mixed of. */
#include "segment/mix.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct parser {
    const char *text, *next;
    clipseg_error *error;
};

static void skip_spaces(struct parser *p)
{
    while (is_space(*p->next))
        p->next++;
}

static clipseg_status refuse(const struct parser *p, const char *place, const char *what)
{
    size_t column = 1;

    for (const char *c = p->text; c < place; c++)
        column += ((unsigned char)*c & 0xc0) != 0x80;
    return error_set(p->error, CLIPSEG_ERROR_USAGE, "%.200s: column %zu: %s", p->text, column, what);
}

/* Digits with at most one point and nothing else up to `end`; false: not that. */
static bool read_weight(const char *start, const char *end, double *weight)
{
    double place = 0.0;
    bool any = false;

    *weight = 0.0;
    for (const char *c = start; c < end; c++) {
        if (*c == '.' && place == 0.0) {
            place = 1.0;
            continue;
        }
        if (*c < '0' || *c > '9')
            return false;
        any = true;
        if (place == 0.0)
            *weight = *weight * 10.0 + (*c - '0');
        else
            *weight += (place /= 10.0) * (*c - '0');
    }
    return any;
}

/* Up to the closing quote; \ before a quote or itself takes it literally. */
static clipseg_status parse_quoted(struct parser *p, struct mix_part *part)
{
    const char *start = p->next;
    char quote = *start, *out = memory_string(start, strlen(start));
    size_t length = 0;

    if (!out)
        return error_memory(p->error);
    for (p->next++; *p->next && *p->next != quote; p->next++) {
        p->next += *p->next == '\\' && (p->next[1] == quote || p->next[1] == '\\');
        out[length++] = *p->next;
    }
    out[length] = 0;
    part->value = out;
    part->kind = quote == '"' ? MIX_TEXT : MIX_PICTURE;
    if (!*p->next)
        return refuse(p, start, "the quote is never closed");
    p->next++;
    return length ? CLIPSEG_OK : refuse(p, start, "nothing between the quotes");
}

/* A word; what stands behind its last * is a weight if it is a number. */
static clipseg_status parse_word(struct parser *p, struct mix_part *part, bool *weighted)
{
    const char *start = p->next, *end = start, *star = NULL;

    for (; *end && !is_space(*end); end++)
        star = *end == '*' ? end : star;
    p->next = end;
    *weighted = star && read_weight(star + 1, end, &part->weight);
    if (*weighted)
        end = star;
    part->kind = *start == '@' ? MIX_SAVED : MIX_PICTURE;
    start += *start == '@';
    if (start == end)
        return refuse(p, start, "want a picture, \"a phrase\" or @saved.prompt");
    part->value = memory_string(start, (size_t)(end - start));
    return part->value ? CLIPSEG_OK : error_memory(p->error);
}

static clipseg_status parse_part(struct parser *p, struct mix_part *part)
{
    const char *start = p->next;
    bool quoted = *start == '"' || *start == '\'', weighted = false;
    clipseg_status status;

    part->weight = 1.0;
    status = quoted ? parse_quoted(p, part) : parse_word(p, part, &weighted);
    if (!status && quoted && *p->next == '*') {
        start = ++p->next;
        while (*p->next && !is_space(*p->next))
            p->next++;
        if (!read_weight(start, p->next, &part->weight))
            return refuse(p, start, "want a number behind *");
    }
    if (!status && (part->weight <= 0.0 || part->weight > 1e6))
        return refuse(p, start, "want a weight above 0, at most a million");
    return status;
}

clipseg_status mix_parse(struct mix *mix, const char *text, clipseg_error *error)
{
    struct parser p = {text, text, error};
    double sum = 0.0;
    clipseg_status status;

    *mix = (struct mix){0};
    do {
        skip_spaces(&p);
        if (mix->count == MIX_MOST)
            status = refuse(&p, p.next, "too many parts");
        else if (!*p.next || (*p.next == '+' && (is_space(p.next[1]) || !p.next[1])))
            status = refuse(&p, p.next, "want a picture, \"a phrase\" or @saved.prompt");
        else
            status = parse_part(&p, &mix->parts[mix->count++]);
        skip_spaces(&p);
        if (!status && *p.next && (*p.next != '+' || (p.next[1] && !is_space(p.next[1]))))
            status = refuse(&p, p.next,
                            "want + between parts, with space around it; phrases go into double quotes");
    } while (!status && *p.next++ == '+');
    for (size_t i = 0; i < mix->count; i++)
        sum += mix->parts[i].weight;
    for (size_t i = 0; !status && i < mix->count; i++)
        mix->parts[i].weight /= sum;
    if (status)
        mix_free(mix);
    return status;
}

void mix_free(struct mix *mix)
{
    for (size_t i = 0; i < mix->count; i++)
        free(mix->parts[i].value);
    *mix = (struct mix){0};
}
