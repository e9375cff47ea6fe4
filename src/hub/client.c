/* client.c: requests with redirections, retries and pauses, over the network module. */
#include "hub/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/module.h"

#define MODULE "clipseg-network.so"
#define MOST_REDIRECTS 10
#define FIRST_WAIT 0.1
#define LONGEST_PAUSE 30.0
#define MOST_BODY ((size_t)1 << 28) /* of a reply in memory: lists, label maps, pictures */

static const struct network *open_network(void)
{
    void *symbol = module_symbol(MODULE, NETWORK_FUNCTION);
    network_function *function = NULL;

    memcpy(&function, &symbol, sizeof function); /* C has no cast from object to function pointers */
    return function ? function() : NULL;
}

clipseg_status client_open(struct client *client, const struct client_options *options, clipseg_error *error)
{
    *client = (struct client){.network = open_network(), .options = *options};
    if (!client->network)
        return error_set(error, CLIPSEG_ERROR_NETWORK,
                         "no network: " MODULE
                         " cannot be opened; build with -DCLIPSEG_NETWORK=ON and install "
                         "libcurl and libcrypto");
    client->connection = client->network->connect();
    return client->connection ? CLIPSEG_OK : error_memory(error);
}

void client_close(struct client *client)
{
    if (client->connection)
        client->network->disconnect(client->connection);
    *client = (struct client){0};
}

/* ---- replies */

void reply_free(struct network_reply *reply)
{
    buffer_free(&reply->headers);
    buffer_free(&reply->body);
    free(reply->redirect);
    *reply = (struct network_reply){0};
}

bool reply_header(const struct network_reply *reply, const char *name, char *out, size_t size)
{
    size_t length = strlen(name);

    for (const char *line = reply->headers.data; line && *line;) {
        size_t whole = strcspn(line, "\n");
        if (whole > length && line[length] == ':' && !strncasecmp(line, name, length)) {
            const char *value = line + length + 1;
            value += strspn(value, " \t");
            size_t kept = (size_t)(line + whole - value);
            while (kept && (value[kept - 1] == ' ' || value[kept - 1] == '\t'))
                kept--;
            if (value > line + whole || kept >= size)
                return false;
            memcpy(out, value, kept);
            out[kept] = 0;
            return true;
        }
        line += whole + (line[whole] == '\n');
    }
    return false;
}

void url_shown(const char *url, char *out)
{
    size_t length = strcspn(url, "?#");
    const char *scheme = strstr(url, "://"), *host = scheme ? scheme + 3 : url;
    const char *at =
        memchr(host, '@', strcspn(host, "/?#")); /* name and password are nobody's business either */

    snprintf(out, 1024, "%.*s%.*s", at ? (int)(host - url) : 0, url,
             (int)(length - (size_t)((at ? at + 1 : url) - url)), at ? at + 1 : url);
}

void url_encode(struct buffer *out, const char *text, bool slash)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~";

    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (strchr(plain, *c) || (slash && *c == '/'))
            buffer_append(out, c, 1);
        else
            buffer_format(out, "%%%02X", *c);
}

/* ---- one try */

static enum network_result exchange_once(struct client *client, const struct request *request,
                                         const char *url, bool same_origin, struct network_reply *reply)
{
    const char *headers[8];
    char authorization[4096];
    size_t count = 0;

    if (request->authorization && same_origin) {
        snprintf(authorization, sizeof authorization, "Authorization: %s", request->authorization);
        headers[count++] = authorization;
    }
    for (size_t i = 0; i < sizeof request->headers / sizeof *request->headers && request->headers[i]; i++)
        headers[count++] = request->headers[i];
    const struct network_request wire = {.method = request->method,
                                         .url = url,
                                         .headers = headers,
                                         .header_count = count,
                                         .body = request->body,
                                         .body_size = request->body_size,
                                         .fields = request->fields,
                                         .field_count = request->field_count,
                                         .stall_seconds = client->options.stall_seconds,
                                         .limit = MOST_BODY,
                                         .write = request->write,
                                         .context = request->context,
                                         .stopped = client->options.stopped};
    return client->network->exchange(client->connection, &wire, reply);
}

/* What is sent may be sent on where 307 or 308 say so, but not what needs the secret to another host. */
static bool may_repeat(const struct client *client, const struct request *request, const char *from,
                       const struct network_reply *reply)
{
    if (!strcmp(request->method, "GET") || !strcmp(request->method, "HEAD"))
        return true;
    return (reply->status == 307 || reply->status == 308) &&
           (!request->authorization || client->network->same_origin(from, reply->redirect));
}

/* With keep_redirect: a place on the same host, or a hub that sends everything elsewhere. */
static bool leads_on(const struct network_reply *reply)
{
    char location[4096], commit[64];

    return (reply_header(reply, "Location", location, sizeof location) && *location == '/' &&
            location[1] != '/') ||
           !reply_header(reply, "X-Repo-Commit", commit, sizeof commit);
}

static bool must_follow(const struct client *client, const struct request *request, const char *from,
                        const struct network_reply *reply, enum network_result result)
{
    return result == NETWORK_DONE && reply->status / 100 == 3 && reply->redirect &&
           may_repeat(client, request, from, reply) && (!request->keep_redirect || leads_on(reply));
}

clipseg_status client_check_secure(const char *from, const char *to, clipseg_error *error)
{
    char shown[1024];

    url_shown(from, shown);
    if (!strncasecmp(from, "https:", 6) && strncasecmp(to, "https:", 6) != 0)
        return error_set(error, CLIPSEG_ERROR_NETWORK,
                         "%s: leads from https to an address without it, which is not followed", shown);
    return CLIPSEG_OK;
}

static clipseg_status check_redirect(const char *from, const char *to, size_t count, clipseg_error *error)
{
    char shown[1024];

    url_shown(from, shown);
    if (count >= MOST_REDIRECTS)
        return error_set(error, CLIPSEG_ERROR_NETWORK, "%s: redirected more than %d times", shown,
                         MOST_REDIRECTS);
    return client_check_secure(from, to, error);
}

static clipseg_status judge(const char *url, const struct network_reply *reply, enum network_result result,
                            clipseg_error *error)
{
    char shown[1024];

    url_shown(url, shown);
    switch (result) {
    case NETWORK_REFUSED:
        return error_set(error, CLIPSEG_ERROR_NETWORK, "%s: %s", shown, reply->problem);
    case NETWORK_WRITE:
        return error_set(error, CLIPSEG_ERROR_IO, "%s: was not taken", shown);
    case NETWORK_STOPPED:
        return error_set(error, CLIPSEG_ERROR_INTERRUPTED, "interrupted");
    case NETWORK_MEMORY:
        return error_memory(error);
    default:
        return CLIPSEG_OK;
    }
}

clipseg_status client_try(struct client *client, const struct request *request, struct network_reply *reply,
                          enum network_result *result, clipseg_error *error)
{
    char *url = strdup(request->url);
    clipseg_status status = url ? CLIPSEG_OK : error_memory(error);
    bool same_origin = true;

    *reply = (struct network_reply){.retry_after = -1.0};
    *result = NETWORK_MEMORY;
    for (size_t count = 0; !status; count++) {
        *result = exchange_once(client, request, url, same_origin, reply);
        if (!must_follow(client, request, url, reply, *result)) {
            status = judge(url, reply, *result, error);
            break;
        }
        status = check_redirect(url, reply->redirect, count, error);
        /* once another host was seen, the secret stays at home, whatever comes after */
        same_origin = same_origin && client->network->same_origin(request->url, reply->redirect);
        free(url);
        url = reply->redirect;
        reply->redirect = NULL;
        if (!status)
            reply_free(reply);
    }
    free(url);
    return status;
}

/* ---- retries */

bool client_may_retry(const struct network_reply *reply, enum network_result result)
{
    if (result != NETWORK_DONE)
        return result == NETWORK_FAILED;
    switch (reply->status) {
    case 408:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
        return true;
    default: /* Segments.ai may tell its rate limit in words only: {"detail": "Request was throttled. ..."} */
        return reply->body.size && reply->body.size < 4096 && strstr(reply->body.data, "\"detail\"") &&
               strstr(reply->body.data, "throttled");
    }
}

/* A little more or less, so that many clients do not come back at once. */
static double vary(double seconds)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return seconds * (0.75 + 0.5 * (double)(now.tv_nsec % 1000) / 1000.0);
}

clipseg_status client_wait(const struct client *client, size_t done, const char *url,
                           const struct network_reply *reply, clipseg_error *error)
{
    double pause = FIRST_WAIT, start = seconds_now();
    char shown[1024];
    size_t tries = client->options.tries;

    url_shown(url, shown);
    if (done >= tries && reply->status)
        return client_refuse(client, url, reply, error);
    if (done >= tries)
        return error_set(error, CLIPSEG_ERROR_NETWORK, "%s: %s (tried %zu times)", shown, reply->problem,
                         done);
    for (size_t i = 1; i < done && pause < LONGEST_PAUSE; i++)
        pause *= 2.0;
    pause = vary(pause < LONGEST_PAUSE ? pause : LONGEST_PAUSE);
    if (reply->retry_after > client->options.longest_wait)
        return error_set(error, CLIPSEG_ERROR_NETWORK,
                         "%s: status %ld, asks to come back in %.0f seconds; try again then", shown,
                         reply->status, reply->retry_after);
    if (reply->retry_after >= 0.0)
        pause = reply->retry_after;
    while (seconds_now() - start < pause) {
        const struct timespec slice = {0, 20000000};
        if (client->options.stopped && client->options.stopped())
            return error_set(error, CLIPSEG_ERROR_INTERRUPTED, "interrupted");
        nanosleep(&slice, NULL);
    }
    return CLIPSEG_OK;
}

clipseg_status client_send(struct client *client, const struct request *request, struct network_reply *reply,
                           clipseg_error *error)
{
    for (size_t done = 1;; done++) {
        enum network_result result;
        clipseg_status status = client_try(client, request, reply, &result, error);
        if (!status && !client_may_retry(reply, result))
            return CLIPSEG_OK;
        if (!status)
            status = client_wait(client, done, request->url, reply, error);
        if (status)
            return status;
        reply_free(reply);
    }
}

clipseg_status client_refuse(const struct client *client, const char *url, const struct network_reply *reply,
                             clipseg_error *error)
{
    char shown[1024], said[256] = "";

    url_shown(url, shown);
    if (!reply_header(reply, "X-Error-Message", said, sizeof said) && reply->body.size &&
        (*reply->body.data == '{' || *reply->body.data == '[')) /* what services say; no web pages */
        snprintf(said, sizeof said, "%.200s", reply->body.data);
    if (client->options.secret && *client->options.secret && strstr(said, client->options.secret))
        *said = 0;
    return error_set(error, CLIPSEG_ERROR_NETWORK, "%s: status %ld%s%s%s", shown, reply->status,
                     *said ? ": " : "", said, reply->problem);
}
