/* demo.h: the built-in model's files. */
#ifndef CLI_DEMO_H
#define CLI_DEMO_H

#include "clipseg.h"

extern const clipseg_file demo_files[];
extern const size_t demo_file_count; /* 0: built without a model */

#endif
