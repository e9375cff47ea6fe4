/* fuzz_categories.c: a file of categories with any content, and which of a data set's categories it means. */
#include <string.h>

#include "cli/prelabel.h"
#include "tests/fuzz/fuzz.h"

/* Every row has something to look for, a name, and an id of its own. */
static void check(const struct query *query)
{
    for (size_t i = 0; i < query->count; i++) {
        const struct query_row *row = &query->items[i];
        must(row->has_category && row->id > 0 && row->id <= 0xffffff && *row->title);
        must(row->expression.leaf_count && expression_depth(&row->expression));
        for (size_t k = 0; k < row->expression.leaf_count; k++)
            must(row->expression.leaves[k].id < query->things.count);
        for (size_t k = 0; k < i; k++)
            must(query->items[k].id != row->id && strcmp(query->items[k].title, row->title) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[] = "/tmp/fuzz-categories-XXXXXX";
    struct category categories[] = {{1, "rose", {0}}, {7, "tulip", {0}}, {70000, "cup", {0}}};
    const struct segments_dataset dataset = {.categories = categories, .count = 3};
    struct prelabel p = {.categories = path, .dataset = "jane/flowers"};
    clipseg_error error;

    if (!input_to_file(path, data, size))
        return 0;
    if (!query_add_categories(&p.segment.prompts, path, &error)) {
        check(&p.segment.prompts);
        if (!prelabel_choose_categories(&p, &dataset, &error))
            check(&p.segment.prompts);
    }
    query_free(&p.segment.prompts);
    unlink(path);
    return 0;
}
