/* figure_module.c: drawing figures with the module that is opened on first use. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/module.h"
#include "output/figure/figure.h"
#include "output/output.h"

#define MODULE "clipseg-figure.so"

static figure_function *find_function(clipseg_error *error)
{
    void *symbol = module_symbol(MODULE, FIGURE_FUNCTION);
    figure_function *function = NULL;

    memcpy(&function, &symbol, sizeof function); /* C has no cast from object to function pointers */
    if (!function)
        error_set(error, CLIPSEG_ERROR_USAGE,
                  "figure: " MODULE " cannot be opened; build with -DCLIPSEG_FIGURE=ON and "
                  "install cairo and pango");
    return function;
}

clipseg_status figure_check(clipseg_error *error)
{
    return find_function(error) ? CLIPSEG_OK : CLIPSEG_ERROR_USAGE;
}

clipseg_status figure_write(const struct figure *figure, FILE *stream, clipseg_error *error)
{
    figure_function *function = find_function(error);
    struct figure_picture picture = {0};
    clipseg_status status = function ? CLIPSEG_OK : CLIPSEG_ERROR_USAGE;

    if (!status && function(figure, &picture))
        status = error_memory(error);
    if (!status)
        status = png_write(stream, PNG_RGB8, picture.width, picture.height, picture.rgb, NULL, error);
    free(picture.rgb);
    return status;
}
