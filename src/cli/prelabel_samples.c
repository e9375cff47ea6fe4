/* prelabel_samples.c: the samples of a data set: their pictures, and names for files about them. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/prelabel.h"

/* Folders become part of the name; nothing is hidden, nothing leads elsewhere. */
static char *plain_name(const char *name, bool keep_suffix)
{
    const char *slash = strrchr(name, '/'), *dot = strrchr(name, '.');
    size_t length = dot && dot > name && (!slash || dot > slash + 1) && !keep_suffix ? (size_t)(dot - name)
                                                                                     : strlen(name);
    char *copy = memory_string(name, length > 200 ? 200 : length);

    for (char *c = copy; c && *c; c++)
        if ((unsigned char)*c < 0x20 || *c == '/' || *c == '\\' || *c == 0x7f || (c == copy && *c == '.'))
            *c = '_';
    if (copy && !*copy) {
        free(copy);
        copy = memory_string("_", 1);
    }
    return copy;
}

struct named {
    const char *name;
    size_t number;
};

static int by_name(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    return order ? order : (x->number > y->number) - (x->number < y->number);
}

/* All but the first of equal names get the sample's uuid behind them. */
static bool tell_apart(const struct segments_samples *samples, char **names)
{
    struct named *sorted = memory_zeroed(samples->count, sizeof *sorted);
    bool done = sorted != NULL;

    for (size_t i = 0; done && i < samples->count; i++)
        sorted[i] = (struct named){names[i], i};
    if (done)
        qsort(sorted, samples->count, sizeof *sorted, by_name);
    for (size_t i = samples->count;
         done && i-- > 1;) { /* from behind, so that the names compared are still old */
        struct buffer longer = {0};
        size_t number = sorted[i].number;
        if (strcmp(sorted[i].name, sorted[i - 1].name) != 0)
            continue;
        buffer_format(&longer, "%s-%s", names[number], samples->items[number].uuid);
        done = !longer.failed;
        if (done) {
            free(names[number]);
            names[number] = longer.data;
        } else {
            buffer_free(&longer);
        }
    }
    free(sorted);
    return done;
}

char **sample_names(const struct segments_samples *samples, bool keep_suffix)
{
    char **names = memory_zeroed(samples->count, sizeof *names);
    bool done = names != NULL;

    for (size_t i = 0; done && i < samples->count; i++)
        done = (names[i] = plain_name(samples->items[i].name, keep_suffix)) != NULL;
    if (done && tell_apart(samples, names))
        return names;
    free_names(names, samples->count);
    return NULL;
}

void free_names(char **names, size_t count)
{
    for (size_t i = 0; names && i < count; i++)
        free(names[i]);
    free(names);
}

static clipseg_status load(struct segments *segments, const char *url, const char *name,
                           const clipseg_image_options *options, struct network_reply *reply,
                           clipseg_image *image, clipseg_error *error)
{
    clipseg_status status = CLIPSEG_ERROR_IMAGE;

    for (size_t tries = 0; status == CLIPSEG_ERROR_IMAGE && tries < 2; tries++) {
        reply_free(reply);
        status = segments_download(segments, url, reply, error);
        if (!status)
            status = clipseg_image_load_memory(image, reply->body.data ? reply->body.data : "",
                                               reply->body.size, name, options, error);
    }
    return status;
}

/* An address that the service signed for a while, long ago, or one that it has to sign first. */
static bool is_stale(const char *url, const struct network_reply *reply)
{
    return !segments_can_download(url) || reply->status == 401 || reply->status == 403 ||
           reply->status == 404 || reply->status == 410;
}

clipseg_status sample_picture(struct segments *segments, const char *uuid, const char *url, const char *name,
                              const clipseg_image_options *options, struct network_reply *reply,
                              clipseg_image *image, clipseg_error *error)
{
    clipseg_error problem;
    char *fresh = NULL;

    *reply = (struct network_reply){0};
    if (!url)
        return error_set(error, CLIPSEG_ERROR_IMAGE, "the sample has no picture");
    clipseg_status status = load(segments, url, name, options, reply, image, error);
    if (status != CLIPSEG_ERROR_NETWORK || !uuid || !is_stale(url, reply))
        return status;
    clipseg_status asked = segments_sign_picture(segments, uuid, &fresh, &problem);
    if (!asked && strcmp(fresh, url) != 0) {
        status = load(segments, fresh, name, options, reply, image, error);
    } else if (asked == CLIPSEG_ERROR_INTERRUPTED || asked == CLIPSEG_ERROR_MEMORY) {
        *error = problem;
        status = asked;
    }
    free(fresh);
    return status;
}
