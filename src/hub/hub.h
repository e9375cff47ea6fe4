/* hub.h: the Hugging Face hub: which files a repository has, and what the hub says about each. */
#ifndef HUB_HUB_H
#define HUB_HUB_H

#include "base/json.h"
#include "hub/cache.h"
#include "hub/client.h"

/* What the command wants to know while something is fetched. Each may be NULL. */
struct hub_listener {
    void (*progress)(size_t done, size_t total, const char *name); /* bytes of all files */
    void (*note)(const char *text);
};

struct hub {
    struct client client;
    struct hub_listener listener;
    char *endpoint;      /* without a slash at its end */
    char *token;         /* or NULL */
    char *authorization; /* "Bearer TOKEN" or NULL */
    struct hub_id id;
    char commit[41];
};

struct remote_file {
    char *name;     /* in the repository */
    char *url;      /* at the hub */
    char *location; /* where the content is: perhaps another host, perhaps for a short time */
    char etag[256]; /* without quotes; of 64 hexadecimal digits: sha256, of 40: git's sha1 */
    size_t size;
};

/* $HF_ENDPOINT, $HF_TOKEN, $HF_TOKEN_PATH. Errors: NETWORK (offline, no module), MEMORY. */
clipseg_status hub_open(struct hub *hub, const struct hub_id *id, const struct client_options *options,
                        const struct hub_listener *listener, clipseg_error *error);
void hub_close(struct hub *hub);

/* The names of the revision's files as a JSON array of strings, to be freed; fills hub->commit. Errors:
 * NETWORK (also missing, gated), MEMORY. */
clipseg_status hub_list(struct hub *hub, json_t **names, clipseg_error *error);

/* Ask for one file of hub->commit. The file may hold an older answer, or nothing but zeros; name: copied.
 * Errors: NETWORK, MEMORY. */
clipseg_status hub_ask(struct hub *hub, const char *name, struct remote_file *file, clipseg_error *error);
void remote_file_free(struct remote_file *file);

/* Bring a file into blobs/ of the repository's folder, and a link to it into snapshots/. `done` of `total`
 * bytes are for the progress. Nothing is transferred when it is there already. Errors: NETWORK, IO, MEMORY,
 * INTERRUPTED. */
clipseg_status hub_fetch(struct hub *hub, const char *folder, struct remote_file *file, size_t done,
                         size_t total, bool *transferred, clipseg_error *error);

/* Is it there already? */
bool hub_has(const struct hub *hub, const char *folder, const struct remote_file *file);

#endif
