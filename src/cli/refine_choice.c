/* refine_choice.c: the options of refinement. */
#include "cli/refine_choice.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "segment/refine/refiner.h"

static clipseg_refine_options *begin(void *target)
{
    clipseg_refine_options *options = target;

    if (!options->size)
        clipseg_refine_options_default(options);
    return options;
}

clipseg_status refine_set_mode(void *target, const char *value, clipseg_error *error)
{
    static const char *const names[] = {"off", "fast", "best"}; /* in the order of enum clipseg_refine */

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(value, names[i])) {
            begin(target)->mode = (clipseg_refine)i;
            return CLIPSEG_OK;
        }
    return error_set(error, CLIPSEG_ERROR_USAGE, "--refine %.40s: want off, fast or best", value);
}

static clipseg_status set_number(float *number, const char *name, const char *value, double least,
                                 double most, clipseg_error *error)
{
    char *end;
    double parsed = strtod(value, &end);

    if (end == value || *end || !(parsed >= least && parsed <= most))
        return error_set(error, CLIPSEG_ERROR_USAGE, "--%s %.40s: want %g to %g", name, value, least, most);
    *number = (float)parsed;
    return CLIPSEG_OK;
}

clipseg_status refine_set_trust(void *target, const char *value, clipseg_error *error)
{
    return set_number(&begin(target)->trust, "trust", value, 0.0, (double)REFINE_MOST_TRUST, error);
}

clipseg_status refine_set_contrast(void *target, const char *value, clipseg_error *error)
{
    return set_number(&begin(target)->contrast, "contrast", value, 1.0, (double)REFINE_MOST_CONTRAST, error);
}

clipseg_status refine_check(const clipseg_refine_options *said, clipseg_error *error)
{
    clipseg_refine_options usual;

    clipseg_refine_options_default(&usual);
    if (!said->size || said->mode != CLIPSEG_REFINE_OFF)
        return CLIPSEG_OK;
    if (said->trust != usual.trust)
        return error_set(error, CLIPSEG_ERROR_USAGE, "--trust belongs to --refine fast or best, not off");
    if (said->contrast != usual.contrast)
        return error_set(error, CLIPSEG_ERROR_USAGE, "--contrast belongs to --refine fast or best, not off");
    return CLIPSEG_OK;
}

clipseg_refine_options refine_chosen(const clipseg_refine_options *said)
{
    clipseg_refine_options options;

    clipseg_refine_options_default(&options);
    return said->size ? *said : options;
}
