/* segments.c: requests to Segments.ai. */
#include "hub/segments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

#define PER_PAGE 1000
#define FEWEST_PER_PAGE 10
#define MOST_FIELDS 64
#define FILE_NAME "label.png"

/* ---- opening */

static bool printable(const char *text)
{
    for (; *text; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

clipseg_status segments_open(struct segments *segments, const char *url, const struct client_options *options,
                             clipseg_error *error)
{
    const char *key = getenv("SEGMENTS_API_KEY"), *place = getenv("SEGMENTS_API_URL");
    struct client_options with_secret = *options;
    struct buffer base = {0}, authorization = {0};

    *segments = (struct segments){0};
    if (!key || !*key)
        return error_set(error, CLIPSEG_ERROR_USAGE,
                         "no key: set $SEGMENTS_API_KEY to one of your account (segments.ai/account)");
    if (!printable(key))
        return error_set(error, CLIPSEG_ERROR_USAGE,
                         "$SEGMENTS_API_KEY holds a blank or a control character");
    url = url ? url : place && *place ? place : SEGMENTS_URL;
    if (!segments_can_download(url))
        return error_set(error, CLIPSEG_ERROR_USAGE, "%.200s: want an address with https://", url);
    buffer_format(&base, "%s%s", url, url[strlen(url) - 1] == '/' ? "" : "/");
    buffer_format(&authorization, "APIKey %s", key);
    segments->base = base.data;
    segments->authorization = authorization.data;
    if (base.failed || authorization.failed)
        return error_memory(error);
    with_secret.secret = key;
    return client_open(&segments->client, &with_secret, error);
}

void segments_close(struct segments *segments)
{
    client_close(&segments->client);
    free(segments->base);
    free(segments->authorization);
    *segments = (struct segments){0};
}

/* ---- asking */

static clipseg_status send(struct segments *segments, const char *method, const struct buffer *url,
                           const struct buffer *body, struct network_reply *reply, clipseg_error *error)
{
    const struct request request = {.method = method,
                                    .url = url->data,
                                    .authorization = segments->authorization,
                                    .headers = {body ? "Content-Type: application/json" : NULL},
                                    .body = body ? body->data : NULL,
                                    .body_size = body ? body->size : 0};

    if (url->failed || (body && body->failed)) {
        *reply = (struct network_reply){0};
        return error_memory(error);
    }
    return client_send(&segments->client, &request, reply, error);
}

static clipseg_status refuse(struct segments *segments, const struct buffer *url,
                             const struct network_reply *reply, clipseg_error *error)
{
    segments->denied = reply->status == 401 || reply->status == 403;
    if (reply->status == 401)
        return error_set(error, CLIPSEG_ERROR_NETWORK, "%s does not accept the key in $SEGMENTS_API_KEY",
                         segments->base);
    if (reply->status == 426)
        return error_set(error, CLIPSEG_ERROR_NETWORK, "%s wants a newer client", segments->base);
    return client_refuse(&segments->client, url->data, reply, error);
}

clipseg_status segments_get_dataset(struct segments *segments, const char *dataset,
                                    struct segments_dataset *out, clipseg_error *error)
{
    struct network_reply reply;
    struct buffer url = {0};

    *out = (struct segments_dataset){0};
    buffer_format(&url, "%sdatasets/", segments->base);
    url_encode(&url, dataset, true);
    buffer_text(&url, "/");
    clipseg_status status = send(segments, "GET", &url, NULL, &reply, error);
    if (!status && reply.status == 404)
        status = error_set(error, CLIPSEG_ERROR_NETWORK,
                           "%s: no such data set at %s, or the key may not see it", dataset, segments->base);
    else if (!status && reply.status / 100 != 2)
        status = refuse(segments, &url, &reply, error);
    if (!status)
        status = segments_parse_dataset(out, reply.body.data, reply.body.size, url.data, error);
    reply_free(&reply);
    buffer_free(&url);
    return status;
}

static void append_parameter(struct buffer *url, const char *name, const char *value)
{
    if (!value)
        return;
    buffer_format(url, "&%s=", name);
    url_encode(url, value, false);
}

/* Until there is a reply. A page that is too long for the service is answered with 502: no use in asking for
 * the same again when it could be shorter. */
static clipseg_status ask_page(struct segments *segments, const struct buffer *url, bool *too_long,
                               bool could_be_shorter, struct network_reply *reply, clipseg_error *error)
{
    const struct request request = {
        .method = "GET", .url = url->data, .authorization = segments->authorization};

    *reply = (struct network_reply){0};
    if (url->failed)
        return error_memory(error);
    for (size_t tries = 1;; tries++) {
        enum network_result result;
        clipseg_status status = client_try(&segments->client, &request, reply, &result, error);
        *too_long = !status && could_be_shorter && result == NETWORK_DONE && reply->status == 502;
        if (status || *too_long || !client_may_retry(reply, result))
            return status;
        status = client_wait(&segments->client, tries, url->data, reply, error);
        if (status)
            return status;
        reply_free(reply);
    }
}

/* last: there is nothing behind this page. too_long: for the service. */
static clipseg_status get_page(struct segments *segments, const char *dataset,
                               const struct segments_query *query, size_t per_page, size_t page,
                               struct segments_samples *out, bool *last, bool *too_long, clipseg_error *error)
{
    struct network_reply reply;
    struct buffer url = {0};
    size_t found = 0;

    buffer_format(&url, "%sdatasets/", segments->base);
    url_encode(&url, dataset, true);
    buffer_format(&url, "/samples/?per_page=%zu&page=%zu", per_page, page);
    append_parameter(&url, "labelset", query->labelset);
    append_parameter(&url, "name__contains", query->name);
    append_parameter(&url, "filters", query->metadata);
    buffer_text(&url, "&sort=name");
    clipseg_status status = ask_page(segments, &url, too_long, per_page > FEWEST_PER_PAGE, &reply, error);
    *last = false;
    if (!status && page > 1 && (reply.status == 404 || reply.status == 400)) {
        *last = true; /* "invalid page" */
    } else if (!status && !*too_long && reply.status / 100 != 2) {
        status = refuse(segments, &url, &reply, error);
    } else if (!status && !*too_long) {
        status = segments_parse_samples(out, reply.body.data, reply.body.size, url.data, &found, error);
        *last = found < per_page;
    }
    reply_free(&reply);
    buffer_free(&url);
    return status;
}

clipseg_status segments_get_samples(struct segments *segments, const char *dataset,
                                    const struct segments_query *query, struct segments_samples *out,
                                    clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;
    size_t per_page = PER_PAGE;
    bool last = false, too_long = false;

    *out = (struct segments_samples){0};
    for (size_t page = 1; !status && !last; page++) {
        status = get_page(segments, dataset, query, per_page, page, out, &last, &too_long, error);
        if (too_long) { /* from the beginning, in shorter pages */
            segments_samples_free(out);
            per_page /= 4;
            page = 0;
        }
    }
    if (status)
        segments_samples_free(out);
    return status;
}

static void label_url(const struct segments *segments, const char *uuid, const char *labelset,
                      struct buffer *url)
{
    buffer_format(url, "%slabels/%s/", segments->base, uuid);
    url_encode(url, labelset, false);
    buffer_text(url, "/");
}

clipseg_status segments_get_label(struct segments *segments, const char *uuid, const char *labelset,
                                  struct segments_label *out, clipseg_error *error)
{
    struct network_reply reply;
    struct buffer url = {0};

    *out = (struct segments_label){0};
    label_url(segments, uuid, labelset, &url);
    /* 404: unlabelled; 405, 501: a service that does not tell */
    clipseg_status status = send(segments, "GET", &url, NULL, &reply, error);
    if (!status && reply.status == 200)
        status = segments_parse_label(out, reply.body.data, reply.body.size, url.data, error);
    else if (!status && reply.status != 404 && reply.status != 405 && reply.status != 501)
        status = refuse(segments, &url, &reply, error);
    reply_free(&reply);
    buffer_free(&url);
    return status;
}

bool segments_can_download(const char *url)
{
    return !strncmp(url, "https://", 8) || !strncmp(url, "http://", 7);
}

clipseg_status segments_sign_picture(struct segments *segments, const char *uuid, char **url,
                                     clipseg_error *error)
{
    struct network_reply reply;
    struct buffer address = {0};

    *url = NULL;
    buffer_format(&address, "%ssamples/%s/?include_signed_urls=1", segments->base, uuid);
    clipseg_status status = send(segments, "GET", &address, NULL, &reply, error);
    if (!status && reply.status != 200)
        status = client_refuse(&segments->client, address.data, &reply, error);
    if (!status)
        status = segments_parse_picture(url, reply.body.data, reply.body.size, address.data, error);
    reply_free(&reply);
    buffer_free(&address);
    return status;
}

clipseg_status segments_download(struct segments *segments, const char *url, struct network_reply *reply,
                                 clipseg_error *error)
{
    const struct request request = {.method = "GET", .url = url};

    *reply = (struct network_reply){0};
    if (!segments_can_download(url))
        return error_set(
            error, CLIPSEG_ERROR_NETWORK,
            "%.100s: only http and https addresses are fetched, and the service signs none for it", url);
    clipseg_status status = client_send(&segments->client, &request, reply, error);
    if (!status && reply->status != 200)
        status = client_refuse(&segments->client, url, reply, error);
    return status;
}

/* ---- uploading */

static clipseg_status get_asset(struct segments *segments, struct segments_asset *asset, clipseg_error *error)
{
    struct network_reply reply;
    struct buffer url = {0}, body = {0};

    *asset = (struct segments_asset){0};
    buffer_format(&url, "%sassets/", segments->base);
    buffer_text(&body, "{\"filename\": \"" FILE_NAME "\"}");
    clipseg_status status = send(segments, "POST", &url, &body, &reply, error);
    if (!status && reply.status / 100 != 2)
        status = refuse(segments, &url, &reply, error);
    if (!status)
        status = segments_parse_asset(asset, reply.body.data, reply.body.size, url.data, error);
    reply_free(&reply);
    buffer_free(&url);
    buffer_free(&body);
    return status;
}

/* To the bucket: all fields first, the file last. expired: ask for another address. */
static clipseg_status post_file(struct segments *segments, const struct segments_asset *asset,
                                const void *data, size_t size, bool *expired, clipseg_error *error)
{
    struct network_field fields[MOST_FIELDS + 1];
    struct network_reply reply = {0};
    size_t count = 0;
    void *member;
    json_t *all =
        json_incref((json_t *)(uintptr_t)asset->fields); /* jansson's iterators want it without const */

    for (member = json_object_iter(all); member && count < MOST_FIELDS;
         member = json_object_iter_next(all, member)) {
        const json_t *value = json_object_iter_value(member);
        fields[count++] = (struct network_field){.name = json_object_iter_key(member),
                                                 .data = json_string_value(value),
                                                 .size = json_string_length(value)};
    }
    fields[count++] = (struct network_field){"file", data, size, FILE_NAME, "image/png"};
    const struct request request = {
        .method = "POST", .url = asset->post_url, .fields = fields, .field_count = count};
    clipseg_status status = client_check_secure(segments->base, asset->post_url, error);
    if (!status)
        status = client_send(&segments->client, &request, &reply, error);
    *expired = !status && (reply.status == 400 || reply.status == 401 || reply.status == 403);
    if (!status && reply.status / 100 != 2)
        status = client_refuse(&segments->client, asset->post_url, &reply, error);
    reply_free(&reply);
    json_decref(all);
    return status;
}

clipseg_status segments_upload(struct segments *segments, const void *data, size_t size, char **url,
                               clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;
    bool expired = true;

    *url = NULL;
    for (size_t i = 0; expired && i < segments->client.options.tries; i++) {
        struct segments_asset asset;
        expired = false;
        status = get_asset(segments, &asset, error);
        if (!status)
            status = post_file(segments, &asset, data, size, &expired, error);
        if (!status && !(*url = memory_string(asset.url, strlen(asset.url))))
            status = error_memory(error);
        segments_asset_free(&asset);
    }
    return status;
}

/* ---- labels */

void segments_label_json(struct buffer *out, const char *bitmap, const uint32_t *ids, size_t count)
{
    buffer_text(out, "{\"label_status\": \"PRELABELED\", \"attributes\": {\"format_version\": \"0.1\", "
                     "\"annotations\": [");
    for (size_t i = 0; i < count; i++)
        buffer_format(out, "%s{\"id\": %u, \"category_id\": %u}", i ? ", " : "", ids[i], ids[i]);
    buffer_text(out, "], \"segmentation_bitmap\": {\"url\": ");
    buffer_json_string(out, bitmap);
    buffer_text(out, "}}}");
}

/* Has the service what was sent, although its answer got lost? */
static clipseg_status is_there(struct segments *segments, const char *uuid, const char *labelset,
                               const char *bitmap, bool *there, clipseg_error *error)
{
    struct segments_label label;
    clipseg_status status = segments_get_label(segments, uuid, labelset, &label, error);

    *there = !status && label.bitmap && !strcmp(label.bitmap, bitmap);
    segments_label_free(&label);
    return status;
}

clipseg_status segments_put_label(struct segments *segments, const char *uuid, const char *labelset,
                                  const struct buffer *json, const char *bitmap, clipseg_error *error)
{
    struct buffer url = {0};
    clipseg_status status = CLIPSEG_OK;
    bool done = false;

    label_url(segments, uuid, labelset, &url);
    if (url.failed || json->failed)
        status = error_memory(error);
    for (size_t tries = 1; !status && !done; tries++) {
        const struct request request = {.method = "PUT",
                                        .url = url.data,
                                        .authorization = segments->authorization,
                                        .headers = {"Content-Type: application/json"},
                                        .body = json->data,
                                        .body_size = json->size};
        struct network_reply reply;
        enum network_result result;
        status = client_try(&segments->client, &request, &reply, &result, error);
        done =
            !status && result == NETWORK_DONE && reply.status / 100 == 2 && !client_may_retry(&reply, result);
        if (!status && !done && reply.status == 404)
            status = error_set(error, CLIPSEG_ERROR_NETWORK,
                               "there is no label set \"%.60s\", or the sample is gone", labelset);
        if (!status && !done && !client_may_retry(&reply, result))
            status = refuse(segments, &url, &reply, error);
        bool refused = result == NETWORK_DONE && reply.status == 429; /* certainly not done */
        if (!status && !done && !refused)
            status = is_there(segments, uuid, labelset, bitmap, &done, error);
        if (!status && !done)
            status = client_wait(&segments->client, tries, url.data, &reply, error);
        reply_free(&reply);
    }
    buffer_free(&url);
    return status;
}
