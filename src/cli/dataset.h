/* dataset.h: the files that speak of all pictures of a run, put together from a fragment per picture. */
#ifndef CLI_DATASET_H
#define CLI_DATASET_H

#include "cli/inputs.h"
#include "output/output.h"

/* FOLDER/.clipseg/KEY.FORMAT: where a picture's fragment lies until then; the key follows from the picture's
 * name, so that a run that continues finds it. Free with free(); NULL when memory is out. */
char *dataset_fragment(const char *folder, const struct format *format, const char *name);

/* Remove it, and the hidden folder when it was the last one. */
void dataset_remove(const char *folder, const struct format *format, const char *name);

/* Write the files of all formats into `folder`, or the only file of the only format to stdout.
 * done: [inputs->count] which pictures there are results of. dataset: categories and threshold. Errors: IO,
 * MEMORY. */
clipseg_status dataset_write(const struct format *const *formats, size_t format_count,
                             const struct inputs *inputs, const bool *done, const struct dataset *dataset,
                             const char *folder, bool to_stdout, clipseg_error *error);

/* Remove the fragments. */
void dataset_clear(const struct format *const *formats, size_t format_count, const struct inputs *inputs,
                   const char *folder);

#endif
