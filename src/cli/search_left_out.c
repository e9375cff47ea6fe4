/* search_left_out.c: `index` and `search` of a build without SQLite. */
#include "base/error.h"
#include "cli/command.h"

#ifndef CLIPSEG_SEARCH

static int say(int count, char **arguments)
{
    clipseg_error error;

    (void)count;
    error_set(&error, CLIPSEG_ERROR_USAGE,
              "%s: this clipseg was built without it; build with -DCLIPSEG_SEARCH=ON and SQLite",
              arguments[0]);
    return fail(&error);
}

clipseg_status bench_search(const struct bench_search *asked, clipseg_error *error)
{
    (void)asked;
    return error_set(
        error, CLIPSEG_ERROR_USAGE,
        "--search: this clipseg was built without it; build with -DCLIPSEG_SEARCH=ON and SQLite");
}

const struct subcommand command_index = {"index", "build or refresh an index of pictures (left out)", say};
const struct subcommand command_search = {"search", "find pictures in an index (left out)", say};

#endif
