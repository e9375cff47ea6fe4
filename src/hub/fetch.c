/* fetch.c: one file of the hub into the cache: lock, download (continued where the last one ended), check,
 * rename, link. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "hub/hub.h"
#include "hub/partial.h"

struct places {
    char blobs[4352], blob[4608], lock[4608], link[4608], target[512];
};

static bool name_places(const struct hub *hub, const char *folder, const struct remote_file *file,
                        struct places *places)
{
    const char *name = strrchr(folder, '/') + 1;
    int lengths[5] = {
        snprintf(places->blobs, sizeof places->blobs, "%s/blobs", folder),
        snprintf(places->blob, sizeof places->blob, "%s/blobs/%s", folder, file->etag),
        snprintf(places->lock, sizeof places->lock, "%.*s.locks/%s/%s.lock", (int)(name - folder), folder,
                 name, file->etag),
        snprintf(places->link, sizeof places->link, "%s/snapshots/%s/%s", folder, hub->commit, file->name),
        snprintf(places->target, sizeof places->target, "../../blobs/%s", file->etag),
    };

    return (size_t)lengths[0] < sizeof places->blobs && (size_t)lengths[1] < sizeof places->blob &&
           (size_t)lengths[2] < sizeof places->lock && (size_t)lengths[3] < sizeof places->link &&
           (size_t)lengths[4] < sizeof places->target;
}

/* ---- the lock that the Hub's own client takes, too */

/* Somebody may have removed the file between our opening and our locking it. */
static bool still_there(int descriptor, const char *path)
{
    struct stat mine, there;

    return !fstat(descriptor, &mine) && !stat(path, &there) && mine.st_ino == there.st_ino &&
           mine.st_dev == there.st_dev;
}

static clipseg_status take_lock(struct hub *hub, const struct places *places, const char *name, int *lock,
                                clipseg_error *error)
{
    bool told = false;
    char text[512];

    for (;;) {
        *lock = open(places->lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (*lock < 0)
            return error_set(error, CLIPSEG_ERROR_IO, "%s: cannot be opened: %s", places->lock,
                             strerror(errno));
        if (!flock(*lock, LOCK_EX | LOCK_NB)) {
            if (still_there(*lock, places->lock))
                return CLIPSEG_OK;
        } else if (errno != EWOULDBLOCK && errno != EINTR) {
            return CLIPSEG_OK; /* no locks on this file system: every byte is checked in the end anyway */
        } else {
            const struct timespec slice = {0, 50000000};
            snprintf(text, sizeof text, "%s: waiting for another download of it", name);
            if (!told && hub->listener.note)
                hub->listener.note(text);
            told = true;
            nanosleep(&slice, NULL);
        }
        close(*lock);
        *lock = -1;
        if (hub->client.options.stopped && hub->client.options.stopped())
            return error_set(error, CLIPSEG_ERROR_INTERRUPTED, "interrupted");
    }
}

/* ---- the transfer */

struct transfer {
    struct hub *hub;
    struct remote_file *file;
    struct partial partial;
    const struct network_reply *reply; /* whose body is being taken */
    size_t before, total;              /* for the progress */
    clipseg_status status;             /* of the last piece */
    clipseg_error *error;
    bool unfit; /* the reply's range is not what was asked for */
};

/* Only a strong etag promises the same bytes. */
static void note_validator(struct transfer *t, const struct network_reply *reply)
{
    char etag[256];

    if (reply_header(reply, "ETag", etag, sizeof etag) && *etag == '"')
        snprintf(t->partial.validator, sizeof t->partial.validator, "%s", etag);
}

/* "bytes 100-199/200": does it continue what is there? */
static bool range_fits(const struct transfer *t, const struct network_reply *reply)
{
    char value[96];
    unsigned long long first, last, whole;

    return reply_header(reply, "Content-Range", value, sizeof value) &&
           sscanf(value, "bytes %llu-%llu/%llu", &first, &last, &whole) == 3 && first == t->partial.length &&
           whole == t->file->size;
}

static void begin_body(struct transfer *t, const struct network_reply *reply)
{
    if (reply->status == 206) {
        t->unfit = !range_fits(t, reply);
    } else if (t->partial
                   .length) { /* the whole again: the content was exchanged, or ranges are not known there */
        t->status = partial_restart(&t->partial, t->error);
    }
    if (!t->status && !t->unfit) {
        note_validator(t, reply);
        t->status = partial_save(&t->partial, t->error);
    }
}

static bool take_body(void *context, const struct network_reply *reply, const void *data, size_t size)
{
    struct transfer *t = context;

    if (!t->reply) {
        t->reply = reply;
        begin_body(t, reply);
    }
    if (!t->status && !t->unfit && size > t->file->size - t->partial.length)
        t->status = error_set(t->error, CLIPSEG_ERROR_NETWORK,
                              "%s: longer than the %zu bytes that the hub told", t->file->url, t->file->size);
    if (!t->status && !t->unfit)
        t->status = partial_add(&t->partial, data, size, t->error);
    if (!t->status && t->hub->listener.progress)
        t->hub->listener.progress(t->before + t->partial.length, t->total, t->file->name);
    return !t->status && !t->unfit;
}

static clipseg_status try_transfer(struct transfer *t, struct network_reply *reply,
                                   enum network_result *result)
{
    char range[64], condition[300];
    struct hub *hub = t->hub;
    bool from_hub = hub->client.network->same_origin(t->file->url, t->file->location);
    struct request request = {.method = "GET",
                              .url = t->file->location,
                              .authorization = from_hub ? hub->authorization : NULL,
                              .headers = {"Accept-Encoding: identity"},
                              .write = take_body,
                              .context = t};

    if (t->partial.length) {
        snprintf(range, sizeof range, "Range: bytes=%zu-", t->partial.length);
        request.headers[1] = range;
        snprintf(condition, sizeof condition, "If-Range: %s", t->partial.validator);
        request.headers[2] = *t->partial.validator ? condition : NULL;
    }
    t->reply = NULL;
    t->unfit = false;
    t->status = CLIPSEG_OK;
    clipseg_error problem; /* the piece's own error says more */
    clipseg_status status = client_try(&hub->client, &request, reply, result, &problem);
    if (status == CLIPSEG_ERROR_IO && *result == NETWORK_WRITE && t->unfit) {
        *result = NETWORK_FAILED; /* start anew */
        snprintf(reply->problem, sizeof reply->problem, "the answer is not the range that was asked for");
        return partial_restart(&t->partial, t->error);
    }
    if (t->status)
        return t->status;
    return status ? error_set(t->error, status, "%s", problem.text) : CLIPSEG_OK;
}

/* A short-lived address has expired, or the content moved: ask the hub again. */
static clipseg_status renew(struct transfer *t)
{
    struct remote_file fresh = {0};
    clipseg_status status = hub_ask(t->hub, t->file->name, &fresh, t->error);

    if (!status && (strcmp(fresh.etag, t->file->etag) != 0 || fresh.size != t->file->size))
        status = error_set(t->error, CLIPSEG_ERROR_NETWORK,
                           "%s: has changed at the hub meanwhile; run it again", t->file->url);
    if (!status) {
        free(t->file->location);
        t->file->location = fresh.location;
        fresh.location = NULL;
    }
    remote_file_free(&fresh);
    return status;
}

/* What to do after a reply that did not bring the rest. */
static clipseg_status recover(struct transfer *t, const struct network_reply *reply,
                              enum network_result result, size_t *failures)
{
    struct network_reply told = {.retry_after = -1.0};

    ++*failures;
    if (result == NETWORK_DONE && reply->status == 416) /* nothing there from that byte on */
        return partial_restart(&t->partial, t->error);
    if (result == NETWORK_DONE && reply->status / 100 == 4 && !client_may_retry(reply, result) &&
        strcmp(t->file->location, t->file->url) != 0 && *failures < t->hub->client.options.tries)
        return renew(t);
    if (client_may_retry(reply, result))
        return client_wait(&t->hub->client, *failures, t->file->url, reply, t->error);
    if (result == NETWORK_DONE && reply->status / 100 == 2) {
        snprintf(told.problem, sizeof told.problem, "%zu of %zu bytes came", t->partial.length,
                 t->file->size);
        return client_wait(&t->hub->client, *failures, t->file->url, &told, t->error);
    }
    return client_refuse(&t->hub->client, t->file->location, reply, t->error);
}

static clipseg_status transfer_all(struct transfer *t)
{
    clipseg_status status = CLIPSEG_OK;
    size_t failures = 0;

    if (!t->partial.digest && !*t->partial.validator &&
        t->partial.length) /* no way to know whether the rest fits */
        status = partial_restart(&t->partial, t->error);
    while (!status && t->partial.length < t->file->size) {
        struct network_reply reply;
        enum network_result result;
        size_t before = t->partial.length;
        status = try_transfer(t, &reply, &result);
        if (t->partial.length > before)
            failures = 0; /* as long as something comes, patience has no end */
        if (!status && t->partial.length < t->file->size) {
            t->partial.kept = t->partial.length;
            status = recover(t, &reply, result, &failures);
        }
        reply_free(&reply);
    }
    return status;
}

/* A wrong digest of what came in several pieces deserves one more try in one piece. */
static clipseg_status transfer_right(struct transfer *t, const struct places *places)
{
    clipseg_status status = transfer_all(t);

    if (!status && !partial_is_right(&t->partial) && t->partial.kept) {
        status = partial_restart(&t->partial, t->error);
        if (!status)
            status = transfer_all(t);
    }
    if (status) {
        if (t->partial.length > t->partial.synced)
            (void)!partial_save(&t->partial, NULL);
        partial_close(&t->partial);
        return status;
    }
    if (!partial_is_right(&t->partial)) {
        partial_remove(&t->partial);
        return error_set(t->error, CLIPSEG_ERROR_NETWORK,
                         "%s: what came has not the digest %s that the hub told; nothing was kept of it",
                         t->file->url, t->file->etag);
    }
    status = partial_finish(&t->partial, places->blob, t->error);
    partial_close(&t->partial);
    return status;
}

static clipseg_status download(struct hub *hub, struct remote_file *file, const struct places *places,
                               size_t before, size_t total, clipseg_error *error)
{
    struct transfer t = {.hub = hub, .file = file, .before = before, .total = total, .error = error};
    clipseg_status status = partial_open(&t.partial, hub->client.network, file, places->blobs, error);

    if (status) {
        partial_close(&t.partial);
        return status;
    }
    return transfer_right(&t, places);
}

/* ---- the link */

static clipseg_status make_link(const struct places *places, clipseg_error *error)
{
    char there[512], temporary[4672];
    ssize_t length = readlink(places->link, there, sizeof there - 1);

    if (access(places->blob, F_OK) && !access(places->link, F_OK))
        return CLIPSEG_OK; /* the content lies there itself: a file system without links */
    if (length > 0) {
        there[length] = 0;
        if (!strcmp(there, places->target))
            return CLIPSEG_OK;
    }
    snprintf(temporary, sizeof temporary, "%s.%ld.new", places->lock, (long)getpid());
    unlink(temporary);
    if (!symlink(places->target, temporary)) {
        if (!rename(temporary, places->link) && file_sync_folder(places->link))
            return CLIPSEG_OK;
    } else if (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS) { /* no links on this file system */
        if (!rename(places->blob, places->link) && file_sync_folder(places->link))
            return CLIPSEG_OK;
    }
    int reason = errno;
    unlink(temporary);
    return error_set(error, CLIPSEG_ERROR_IO, "%s: cannot be made: %s", places->link, strerror(reason));
}

bool hub_has(const struct hub *hub, const char *folder, const struct remote_file *file)
{
    struct places places;
    struct stat info;

    if (!name_places(hub, folder, file, &places))
        return false;
    return (!stat(places.blob, &info) || !stat(places.link, &info)) && S_ISREG(info.st_mode) &&
           (size_t)info.st_size == file->size;
}

clipseg_status hub_fetch(struct hub *hub, const char *folder, struct remote_file *file, size_t done,
                         size_t total, bool *transferred, clipseg_error *error)
{
    struct places places;
    int lock = -1;
    clipseg_status status;

    *transferred = false;
    if (!name_places(hub, folder, file, &places))
        return error_set(error, CLIPSEG_ERROR_IO, "%s: the path is too long", folder);
    if ((status = make_folders(places.blob, error)) || (status = make_folders(places.link, error)) ||
        (status = make_folders(places.lock, error)) ||
        (status = take_lock(hub, &places, file->name, &lock, error)))
        return status;
    if (!hub_has(hub, folder, file)) {
        status = download(hub, file, &places, done, total, error);
        *transferred = !status;
    }
    if (!status)
        status = make_link(&places, error);
    if (!status)
        partial_sweep(places.blobs, file->etag);
    close(lock);
    return status;
}
