/* inputs_results.h: telling pictures in a folder from what earlier runs have written beside them. */
#ifndef CLI_INPUTS_RESULTS_H
#define CLI_INPUTS_RESULTS_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>

/* One folder on its way through; results of one picture follow each other, so the last answer is kept. */
struct result_names {
    const char *folder;
    struct dirent **entries; /* [count] sorted by strcmp */
    size_t count;
    const char *stem; /* into an entry */
    size_t stem_length;
    bool has_picture; /* is there a picture of that name? */
};

/* Is this the name of a result (STEM.labels.png, STEM.00-PROMPT.mask.png, ...) whose picture STEM.* lies in
 * the same folder? Results in a folder of their own are pictures like any other. */
bool result_names_hold(struct result_names *names, const char *name);

/* By content: does a picture begin here? */
bool is_picture(const char *path);

#endif
