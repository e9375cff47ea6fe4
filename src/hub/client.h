/* client.h: requests that survive a bad network: redirections, retries with growing pauses, Retry-After. */
#ifndef HUB_CLIENT_H
#define HUB_CLIENT_H

#include "clipseg.h"
#include "hub/network/network.h"

/* How patient a client is. */
struct client_options {
    double stall_seconds;  /* an exchange without a byte for so long has failed */
    size_t tries;          /* of one request, before its failure is reported */
    double longest_wait;   /* seconds; a service that asks for more is not waited for */
    bool (*stopped)(void); /* the user wants to stop */
    const char *secret; /* token or key, kept out of messages even when a service repeats it; may be NULL */
};

#define CLIENT_STALL_SECONDS 30.0
#define CLIENT_TRIES 6
#define CLIENT_LONGEST_WAIT 300.0

/* One connection; one thread each. */
struct client {
    const struct network *network;
    void *connection;
    struct client_options options;
};

struct request {
    const char *method;
    const char *url;
    const char *authorization; /* "Bearer ...", NULL: none; never sent to another host than the url's */
    const char *headers[4];    /* more, "Name: value"; ends with NULL */
    const void *body;
    size_t body_size;
    const struct network_field *fields; /* [field_count]: multipart/form-data */
    size_t field_count;
    bool keep_redirect; /* a hub's 3xx reply to another place is the answer; relative ones are followed */
    bool (*write)(void *context, const struct network_reply *reply, const void *data, size_t size);
    void *context;
};

/* Opens the module on first use. Errors: NETWORK (built without, library missing), MEMORY. */
clipseg_status client_open(struct client *client, const struct client_options *options, clipseg_error *error);
void client_close(struct client *client);

/* One try, with redirections (what is not GET or HEAD only by 307 and 308; never from https to http). result:
 * what came of it; a failure that deserves another try is NETWORK_FAILED and no error. reply is to be freed
 * in every case. Errors: NETWORK, MEMORY, INTERRUPTED; IO when `write` said no. */
clipseg_status client_try(struct client *client, const struct request *request, struct network_reply *reply,
                          enum network_result *result, clipseg_error *error);

/* Is another try worth it: no whole reply, or 408, 429, 500, 502, 503, 504, or a rate limit told in words? */
bool client_may_retry(const struct network_reply *reply, enum network_result result);

/* Sleep before try number `done` + 1, as long as the reply asks or twice as long as last time. Fails when the
 * tries are used up or the reply asks for too much, with what was wrong. Errors: NETWORK, INTERRUPTED. */
clipseg_status client_wait(const struct client *client, size_t done, const char *url,
                           const struct network_reply *reply, clipseg_error *error);

/* Both: try until there is a reply that is no passing failure. Not for requests with `write`. */
clipseg_status client_send(struct client *client, const struct request *request, struct network_reply *reply,
                           clipseg_error *error);

/* The error for a reply with a status that nobody wanted: address, number, and what the service says. */
clipseg_status client_refuse(const struct client *client, const char *url, const struct network_reply *reply,
                             clipseg_error *error);

/* Where a service at `from` sends us: never from https to an address without it. Errors: NETWORK. */
clipseg_status client_check_secure(const char *from, const char *to, clipseg_error *error);

void reply_free(struct network_reply *reply);

/* The value of a header, copied without blanks; false: not there, or longer than out. */
bool reply_header(const struct network_reply *reply, const char *name, char *out, size_t size);

/* An address without its query, which may hold secrets. out: [1024] */
void url_shown(const char *url, char *out);

/* Append `text` with everything but letters, digits and -_.~ (and, where `slash`, /) as %XX. */
void url_encode(struct buffer *out, const char *text, bool slash);

#endif
