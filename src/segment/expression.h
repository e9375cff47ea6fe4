/* expression.h: prompts joined by AND, OR and NOT.
 *
 *     expression = term {"OR" term}
 *     term       = factor {"AND" factor}
 *     factor     = "NOT" factor | (phrase | "(" expression ")") {modifiers}
 *     phrase     = words, or anything in double quotes (\" and \\ inside)
 *     modifiers  = "{" modifier {" " modifier} "}"
 *     modifier   = "+5px" "+2%" (grow) | "-5px" "-2%" (shrink) | "*1.5" (strength)
 *
 * On probabilities AND is the smaller one, OR the larger one, NOT 1 - x, strength a multiplication (at most
 * 1). Grow and shrink move the edges by pixels of the picture, or per cent of its shorter side. */
#ifndef SEGMENT_EXPRESSION_H
#define SEGMENT_EXPRESSION_H

#include <stdbool.h>

#include "clipseg.h"

#define EXPRESSION_MOST_STEPS 1024
#define EXPRESSION_LIMIT 30.0f /* logits of an expression lie within +-30 */

enum expression_operation {
    EXPRESSION_LEAF,
    EXPRESSION_AND,
    EXPRESSION_OR,
    EXPRESSION_NOT,
    EXPRESSION_GROW,
    EXPRESSION_STRENGTH
};

struct expression_step {
    enum expression_operation operation;
    size_t leaf;  /* LEAF: its number */
    float value;  /* GROW: how far, negative shrinks; STRENGTH: the factor */
    bool percent; /* GROW: of the picture's shorter side, else pixels */
};

struct expression_leaf {
    char *text;
    bool quoted; /* a phrase whatever it looks like */
    size_t id;   /* the owner's number for it */
};

/* In postfix order: operands before their operation. */
struct expression {
    struct expression_step *steps; /* [step_count] */
    size_t step_count, step_capacity;
    struct expression_leaf *leaves; /* [leaf_count] */
    size_t leaf_count, leaf_capacity;
};

/* Does AND, OR or NOT in capitals, or the beginning of a modifier, stand outside double quotes? Anything else
 * is a phrase. */
bool expression_recognised(const char *text);

/* Errors: USAGE with the column (counted in characters from 1), MEMORY. */
clipseg_status expression_parse(struct expression *expression, const char *text, clipseg_error *error);

/* Building by hand: push leaves and operations in postfix order; false: memory is out or it is too long. */
bool expression_push_leaf(struct expression *expression, const char *text, size_t length, bool quoted);
bool expression_push(struct expression *expression, struct expression_step step);
/* Append another one's steps and copies of its leaves. */
bool expression_append(struct expression *expression, const struct expression *other);

void expression_free(struct expression *expression);

/* One leaf alone: its logits are the answer, untouched. */
static inline bool expression_is_plain(const struct expression *expression)
{
    return expression->step_count == 1;
}

/* How many maps are held at once while evaluating. */
size_t expression_depth(const struct expression *expression);

/* leaves: [leaf_count] pointers to logits [side, side]; stack: [expression_depth(), side, side] scratch;
 * out: [side, side], the logit of the combined probability, clamped to +-EXPRESSION_LIMIT unless the
 * expression is plain. width, height: of the picture. Errors: MEMORY. */
clipseg_status expression_evaluate(const struct expression *expression, const float *const *leaves,
                                   size_t side, size_t width, size_t height, float *stack, float *out,
                                   clipseg_error *error);

/* The same for one number per leaf that says whether the thing is there at all: AND the smaller, OR the
 * larger; what NOT says is no condition (where hair is not, a face may be); NaN: unknown. */
float expression_presence(const struct expression *expression, const float *leaves);

/* ---- grid_grow.c: move the edges of everything in a map outwards, by an ellipse with these half axes in
 * cells: the largest value of the bilinearly interpolated map under the ellipse. map: [side, side], changed
 * in place. Negative: inwards. Errors: MEMORY. */
clipseg_status grid_grow(float *map, size_t side, double radius_x, double radius_y, clipseg_error *error);

#endif
