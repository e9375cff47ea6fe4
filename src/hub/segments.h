/* segments.h: Segments.ai's REST interface, as its Python SDK uses it. */
#ifndef HUB_SEGMENTS_H
#define HUB_SEGMENTS_H

#include "base/json.h"
#include "hub/client.h"
#include "output/category.h"

/* ---- segments_parse.c: what the service answers */

struct segments_dataset {
    json_t *root;                /* owns all texts */
    const char *task;            /* "segmentation-bitmap", ... */
    struct category *categories; /* [count] */
    size_t count;
    const json_t *labelsets; /* [{"name"}, ...]; NULL: it does not say */
};

struct segments_sample {
    const char *uuid, *name;
    const char *url;    /* of the picture; NULL: none */
    const char *status; /* of the label in the labelset that was asked for; NULL: unlabelled or unknown */
};

struct segments_samples {
    json_t **pages; /* [page_count]: own all texts */
    size_t page_count;
    struct segments_sample *items; /* [count] */
    size_t count, capacity;
};

struct segments_label {
    json_t *root;
    const char *status;        /* NULL: there is no label */
    const char *bitmap;        /* address; may be NULL */
    const json_t *annotations; /* [{"id", "category_id"}, ...]; may be NULL */
};

/* Where to send a file to. */
struct segments_asset {
    json_t *root;
    const char *url;      /* where it will be found */
    const char *post_url; /* where to send it */
    const json_t *fields; /* name: text */
};

/* All take a reply's text; name: for messages. Errors: NETWORK (not what the service says), MEMORY. */
clipseg_status segments_parse_dataset(struct segments_dataset *dataset, const char *text, size_t size,
                                      const char *name, clipseg_error *error);
clipseg_status segments_parse_samples(struct segments_samples *samples, const char *text, size_t size,
                                      const char *name, size_t *found, clipseg_error *error);
clipseg_status segments_parse_label(struct segments_label *label, const char *text, size_t size,
                                    const char *name, clipseg_error *error);
clipseg_status segments_parse_asset(struct segments_asset *asset, const char *text, size_t size,
                                    const char *name, clipseg_error *error);

/* Of a single sample: where its picture lies, to be freed; never NULL. */
clipseg_status segments_parse_picture(char **url, const char *text, size_t size, const char *name,
                                      clipseg_error *error);

void segments_dataset_free(struct segments_dataset *dataset);
void segments_samples_free(struct segments_samples *samples);
void segments_label_free(struct segments_label *label);
void segments_asset_free(struct segments_asset *asset);

/* ---- segments.c: asking it */

struct segments {
    struct client client;
    char *base;          /* ends with a slash */
    char *authorization; /* "APIKey ..." */
    bool denied;         /* the service said that the key may not do this: no use in going on */
};

#define SEGMENTS_URL "https://api.segments.ai/"

/* url: NULL for $SEGMENTS_API_URL, else the public service. The key comes from $SEGMENTS_API_KEY. One thread
 * each. Errors: USAGE (no key), NETWORK, MEMORY. */
clipseg_status segments_open(struct segments *segments, const char *url, const struct client_options *options,
                             clipseg_error *error);
void segments_close(struct segments *segments);

/* dataset: "OWNER/NAME". Errors of all: NETWORK, MEMORY, INTERRUPTED. */
clipseg_status segments_get_dataset(struct segments *segments, const char *dataset,
                                    struct segments_dataset *out, clipseg_error *error);

struct segments_query {
    const char *labelset; /* whose labels' statuses are told */
    const char *name;     /* part of the name; NULL: all */
    const char *metadata; /* "key:value,key:value"; NULL: all */
};

/* All samples that fit, page by page, sorted by name. */
clipseg_status segments_get_samples(struct segments *segments, const char *dataset,
                                    const struct segments_query *query, struct segments_samples *out,
                                    clipseg_error *error);

/* A label's status is NULL when the sample has none. */
clipseg_status segments_get_label(struct segments *segments, const char *uuid, const char *labelset,
                                  struct segments_label *out, clipseg_error *error);

/* Where a sample's picture lies, signed anew when it lies in a private bucket. url: to be freed. */
clipseg_status segments_sign_picture(struct segments *segments, const char *uuid, char **url,
                                     clipseg_error *error);

/* Is this an address of the web? */
bool segments_can_download(const char *url);

/* A picture or a bitmap, from wherever the service says that it is; without the key. It is in reply->body. */
clipseg_status segments_download(struct segments *segments, const char *url, struct network_reply *reply,
                                 clipseg_error *error);

/* Send a PNG. url: its address from then on, to be freed. */
clipseg_status segments_upload(struct segments *segments, const void *data, size_t size, char **url,
                               clipseg_error *error);

/* The label's JSON, as the SDK sends it. ids: [count], which are the categories' too. */
void segments_label_json(struct buffer *out, const char *bitmap, const uint32_t *ids, size_t count);

/* Put the label in place, exactly once: after a doubtful failure the service is asked whether it has it.
 * bitmap: the address in it. */
clipseg_status segments_put_label(struct segments *segments, const char *uuid, const char *labelset,
                                  const struct buffer *json, const char *bitmap, clipseg_error *error);

#endif
