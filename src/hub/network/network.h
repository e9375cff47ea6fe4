/* network.h: between the command and the module that speaks HTTP (libcurl) and computes digests (libcrypto).
 * Both libraries take milliseconds to load, so the module is opened on first use. */
#ifndef HUB_NETWORK_NETWORK_H
#define HUB_NETWORK_NETWORK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* One part of a multipart/form-data body. */
struct network_field {
    const char *name;
    const void *data;
    size_t size;
    const char *file_name; /* NULL: an ordinary field */
    const char *type;      /* the file's media type */
};

struct network_reply {
    long status;           /* 0: no reply came */
    struct buffer headers; /* the status line, then "Name: value\n" of each */
    struct buffer body;    /* what `write` did not take */
    char *redirect;        /* the absolute address that a 3xx reply names, or NULL */
    double retry_after;    /* seconds; negative: the reply does not say */
    char problem[256];     /* why no whole reply came */
};

struct network_request {
    const char *method; /* GET, HEAD, POST or PUT */
    const char *url;
    const char *const *headers; /* [header_count]: "Name: value" */
    size_t header_count;
    const void *body; /* NULL: none */
    size_t body_size;
    const struct network_field *fields; /* [field_count]: instead of a body */
    size_t field_count;
    double stall_seconds; /* give up when nothing has come for so long */
    size_t limit;         /* bytes of a body that are kept in memory at most */
    /* The body of a 2xx reply goes here, piece by piece, instead of into memory. false: no more. NULL: into
     * memory. */
    bool (*write)(void *context, const struct network_reply *reply, const void *data, size_t size);
    void *context;
    bool (*stopped)(void); /* asked several times a second; true ends the exchange */
};

enum network_result {
    NETWORK_DONE,    /* a whole reply, whatever its status */
    NETWORK_FAILED,  /* no whole reply: worth another try */
    NETWORK_REFUSED, /* cannot work: address, certificate */
    NETWORK_WRITE,   /* `write` said no */
    NETWORK_STOPPED, /* `stopped` said yes */
    NETWORK_MEMORY
};

struct network {
    void *(*connect)(
        void); /* a connection that is kept open between exchanges; one thread each. NULL: no memory */
    void (*disconnect)(void *connection);
    /* One request, one reply; redirections are not followed. The reply is to be freed in every case. */
    enum network_result (*exchange)(void *connection, const struct network_request *request,
                                    struct network_reply *reply);
    bool (*same_origin)(const char *a, const char *b); /* scheme, host and port of two addresses */

    void *(*digest_create)(const char *algorithm); /* "sha1" or "sha256"; NULL: no memory */
    bool (*digest_add)(void *digest, const void *data, size_t size);
    bool (*digest_read)(void *digest, char hex[65]); /* of what was added so far; more may be added */
    void (*digest_free)(void *digest);
};

/* The module's only function, found by this name. */
#define NETWORK_FUNCTION "clipseg_network"
typedef const struct network *network_function(void);

#endif
