/* refine_choice.h: --refine, --trust and --contrast, for all commands that make masks. */
#ifndef CLI_REFINE_CHOICE_H
#define CLI_REFINE_CHOICE_H

#include "clipseg.h"

/* For options: target is a clipseg_refine_options, all zero as long as nothing was said. Errors: USAGE. */
clipseg_status refine_set_mode(void *target, const char *value, clipseg_error *error);
clipseg_status refine_set_trust(void *target, const char *value, clipseg_error *error);
clipseg_status refine_set_contrast(void *target, const char *value, clipseg_error *error);

/* --trust or --contrast with --refine off, where nothing would heed them. Errors: USAGE. */
clipseg_status refine_check(const clipseg_refine_options *said, clipseg_error *error);

/* What was chosen, with the defaults for the rest. */
clipseg_refine_options refine_chosen(const clipseg_refine_options *said);

#endif
