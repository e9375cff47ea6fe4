/* partial.h: a file that is being downloaded: private until it is whole and its digest is right. What is
 * there of it survives interruptions of any kind: beside it lies a sidecar that says what it is going to be.
 */
#ifndef HUB_PARTIAL_H
#define HUB_PARTIAL_H

#include "hub/hub.h"

struct partial {
    const struct network *network;
    const struct remote_file *file;
    char path[4608];    /* blobs/ETAG.clipseg.incomplete */
    char sidecar[4608]; /* blobs/ETAG.clipseg.json */
    int descriptor;     /* -1: closed */
    void *digest;       /* of the first `length` bytes; NULL: the etag is no digest */
    size_t length;      /* bytes that are there */
    size_t kept;        /* of which an earlier exchange brought these */
    size_t synced;      /* what the sidecar vouches for */
    char
        validator[256]; /* the ETag that the content was sent with, quotes included, for If-Range; "": none */
};

/* Open what an earlier run left, and hash it again, or start anew. blobs: the folder. The caller holds the
 * lock. Errors: IO, MEMORY. */
clipseg_status partial_open(struct partial *partial, const struct network *network,
                            const struct remote_file *file, const char *blobs, clipseg_error *error);

/* Throw away what is there. Errors: IO, MEMORY. */
clipseg_status partial_restart(struct partial *partial, clipseg_error *error);

/* Append. Errors: IO (disk full, ...), MEMORY. */
clipseg_status partial_add(struct partial *partial, const void *data, size_t size, clipseg_error *error);

/* Write down how far it came. Errors: IO, MEMORY. */
clipseg_status partial_save(struct partial *partial, clipseg_error *error);

/* Does the digest equal the etag? */
bool partial_is_right(const struct partial *partial);

/* Under its own name from now on, and safe on the disk. Errors: IO. */
clipseg_status partial_finish(struct partial *partial, const char *blob, clipseg_error *error);

/* Leave it for the next run. */
void partial_close(struct partial *partial);

/* Remove it with its sidecar. */
void partial_remove(struct partial *partial);

/* Remove what may be left of an earlier run although the file is in place. */
void partial_sweep(const char *blobs, const char *etag);

#endif
