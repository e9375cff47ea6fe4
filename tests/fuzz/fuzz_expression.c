/* fuzz_expression.c: any text as a boolean prompt; what is accepted must be well-formed. */
#include <stdlib.h>

#include "base/memory.h"
#include "segment/expression.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = memory_string((const char *)data, size);
    struct expression expression;
    clipseg_error error;
    size_t depth = 0;

    if (!text)
        return 0;
    expression_recognised(text);
    if (!expression_parse(&expression, text, &error)) {
        for (size_t i = 0; i < expression.step_count; i++) {
            enum expression_operation operation = expression.steps[i].operation;
            size_t operands = operation == EXPRESSION_LEAF                                ? 0
                              : operation == EXPRESSION_AND || operation == EXPRESSION_OR ? 2
                                                                                          : 1;
            if (depth < operands)
                abort();
            depth += 1 - operands;
        }
        if (depth != 1 || expression_depth(&expression) > expression.leaf_count)
            abort();
        expression_free(&expression);
    }
    free(text);
    return 0;
}
