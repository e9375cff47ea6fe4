/* expression.c: building expressions and evaluating them on logits: the sigmoid is monotonic and
 * 1 - sigmoid(z) = sigmoid(-z), so that AND, OR and NOT are the minimum, the maximum and the sign of logits.
 */
#include "segment/expression.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* ---- building */

/* Room for one more element. */
static bool reserve(void **items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return true;
    size_t more = *capacity ? 2 * *capacity : 8;
    void *grown = realloc(*items, more * size);
    if (!grown)
        return false;
    *items = grown;
    *capacity = more;
    return true;
}

bool expression_push(struct expression *e, struct expression_step step)
{
    void *steps = e->steps;

    if (e->step_count >= EXPRESSION_MOST_STEPS ||
        !reserve(&steps, e->step_count, &e->step_capacity, sizeof *e->steps))
        return false;
    e->steps = steps;
    e->steps[e->step_count++] = step;
    return true;
}

bool expression_push_leaf(struct expression *e, const char *text, size_t length, bool quoted)
{
    void *leaves = e->leaves;
    char *copy;

    if (!reserve(&leaves, e->leaf_count, &e->leaf_capacity, sizeof *e->leaves))
        return false;
    e->leaves = leaves;
    if (!(copy = memory_string(text, length)))
        return false;
    e->leaves[e->leaf_count++] = (struct expression_leaf){copy, quoted, 0};
    return expression_push(e,
                           (struct expression_step){.operation = EXPRESSION_LEAF, .leaf = e->leaf_count - 1});
}

bool expression_append(struct expression *e, const struct expression *other)
{
    for (size_t i = 0; i < other->step_count; i++) {
        const struct expression_step *step = &other->steps[i];
        const struct expression_leaf *leaf = &other->leaves[step->leaf];
        if (step->operation != EXPRESSION_LEAF
                ? !expression_push(e, *step)
                : !expression_push_leaf(e, leaf->text, strlen(leaf->text), leaf->quoted))
            return false;
        if (step->operation == EXPRESSION_LEAF)
            e->leaves[e->leaf_count - 1].id = leaf->id;
    }
    return true;
}

void expression_free(struct expression *e)
{
    for (size_t i = 0; i < e->leaf_count; i++)
        free(e->leaves[i].text);
    free(e->leaves);
    free(e->steps);
    *e = (struct expression){0};
}

/* ---- evaluating */

size_t expression_depth(const struct expression *e)
{
    size_t depth = 0, deepest = 0;

    for (size_t i = 0; i < e->step_count; i++) {
        enum expression_operation operation = e->steps[i].operation;
        depth += operation == EXPRESSION_LEAF;
        depth -= operation == EXPRESSION_AND || operation == EXPRESSION_OR;
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest;
}

/* The logit of min(1, factor * sigmoid(z)). */
static float strengthen(float z, float factor)
{
    double p = (double)factor / (1.0 + exp(-(double)z));

    return p >= 1.0 ? EXPRESSION_LIMIT : (float)log(p / (1.0 - p));
}

static void join(enum expression_operation operation, size_t area, float *left, const float *right)
{
    if (operation == EXPRESSION_AND)
        for (size_t i = 0; i < area; i++)
            left[i] = right[i] < left[i] ? right[i] : left[i];
    else
        for (size_t i = 0; i < area; i++)
            left[i] = right[i] > left[i] ? right[i] : left[i];
}

/* Operations with one operand, in place. */
static clipseg_status change(const struct expression_step *step, size_t side, size_t width, size_t height,
                             float *map, clipseg_error *error)
{
    size_t area = side * side;
    double shorter = (double)(width < height ? width : height);
    double pixels = (double)step->value * (step->percent ? shorter / 100.0 : 1.0);

    if (step->operation == EXPRESSION_GROW)
        return grid_grow(map, side, pixels * (double)side / (double)width,
                         pixels * (double)side / (double)height, error);
    for (size_t i = 0; i < area; i++)
        map[i] = step->operation == EXPRESSION_NOT ? -map[i] : strengthen(map[i], step->value);
    return CLIPSEG_OK;
}

clipseg_status expression_evaluate(const struct expression *e, const float *const *leaves, size_t side,
                                   size_t width, size_t height, float *stack, float *out,
                                   clipseg_error *error)
{
    size_t area = side * side, depth = 0;
    clipseg_status status = CLIPSEG_OK;

    if (expression_is_plain(e)) {
        memcpy(out, leaves[0], area * sizeof *out);
        return CLIPSEG_OK;
    }
    for (size_t i = 0; !status && i < e->step_count; i++) {
        const struct expression_step *step = &e->steps[i];
        if (step->operation == EXPRESSION_LEAF) {
            memcpy(stack + depth++ * area, leaves[step->leaf], area * sizeof *stack);
        } else if (step->operation == EXPRESSION_AND || step->operation == EXPRESSION_OR) {
            depth--;
            join(step->operation, area, stack + (depth - 1) * area, stack + depth * area);
        } else {
            status = change(step, side, width, height, stack + (depth - 1) * area, error);
        }
    }
    for (size_t i = 0; !status && i < area; i++)
        out[i] = fminf(fmaxf(stack[i], -EXPRESSION_LIMIT), EXPRESSION_LIMIT);
    return status;
}

/* Smaller or larger, where unknown wins over everything. */
static float join_presence(enum expression_operation operation, float a, float b)
{
    if (isnan(a) || isnan(b))
        return NAN;
    return operation == EXPRESSION_AND ? fminf(a, b) : fmaxf(a, b);
}

float expression_presence(const struct expression *e, const float *leaves)
{
    float *stack = memory_zeroed(expression_depth(e), sizeof *stack), result;
    size_t depth = 0;

    if (!stack)
        return NAN;
    for (size_t i = 0; i < e->step_count; i++) {
        const struct expression_step *step = &e->steps[i];
        if (step->operation == EXPRESSION_LEAF) {
            stack[depth++] = leaves[step->leaf];
        } else if (step->operation == EXPRESSION_AND || step->operation == EXPRESSION_OR) {
            depth--;
            stack[depth - 1] = join_presence(step->operation, stack[depth - 1], stack[depth]);
        } else if (step->operation == EXPRESSION_NOT) {
            stack[depth - 1] = 1.0f;
        }
    }
    result = stack[0];
    free(stack);
    return result;
}
