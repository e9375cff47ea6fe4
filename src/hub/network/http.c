/* http.c: HTTP through libcurl: one request, one reply. Redirections, retries and everything about services
 * are decided by the caller. */
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "hub/network/digest.h"
#include "hub/network/network.h"

#define CONNECT_SECONDS 15L
#define MOST_HEADER_BYTES ((size_t)1 << 16)

struct exchange {
    CURL *curl;
    const struct network_request *request;
    struct network_reply *reply;
    bool refused;  /* `write` said no */
    bool has_head; /* the empty line behind the headers came */
    bool too_long; /* more than the limit */
};

static void *connect_network(void)
{
    return curl_easy_init();
}

static void disconnect_network(void *connection)
{
    curl_easy_cleanup(connection);
}

/* ---- callbacks */

static size_t on_header(char *data, size_t one, size_t size, void *context)
{
    struct exchange *e = context;
    struct buffer *headers = &e->reply->headers;

    (void)one;
    if (size >= 5 && !memcmp(data, "HTTP/", 5)) /* a new reply: "100 Continue" came before it, or a proxy's */
        headers->size = 0, e->has_head = false;
    e->has_head = e->has_head || (size && (*data == '\r' || *data == '\n'));
    if (headers->size + size < MOST_HEADER_BYTES)
        buffer_append(headers, data, size);
    return size;
}

static size_t on_body(char *data, size_t one, size_t size, void *context)
{
    struct exchange *e = context;
    const struct network_request *request = e->request;

    (void)one;
    curl_easy_getinfo(e->curl, CURLINFO_RESPONSE_CODE, &e->reply->status);
    if (request->write && e->reply->status / 100 == 2) {
        e->refused = !request->write(request->context, e->reply, data, size);
        return e->refused ? 0 : size;
    }
    e->too_long = e->reply->body.size + size > request->limit;
    if (e->too_long)
        return 0;
    buffer_append(&e->reply->body, data, size);
    return e->reply->body.failed ? 0 : size;
}

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct exchange *e = context;

    (void)a, (void)b, (void)c, (void)d;
    return e->request->stopped && e->request->stopped();
}

/* ---- the request */

static void set_common(struct exchange *e)
{
    CURL *curl = e->curl;
    const char *authorities = getenv("CURL_CA_BUNDLE");

    curl_easy_setopt(curl, CURLOPT_URL, e->request->url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "clipseg/0.1.0");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)(e->request->stall_seconds + 0.999));
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, e);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, e);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, e);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
    if (authorities && *authorities)
        curl_easy_setopt(curl, CURLOPT_CAINFO, authorities);
}

/* The parts in the order given. false: no memory. */
static bool set_fields(struct exchange *e, curl_mime **form)
{
    const struct network_request *request = e->request;

    *form = curl_mime_init(e->curl);
    for (size_t i = 0; *form && i < request->field_count; i++) {
        const struct network_field *field = &request->fields[i];
        curl_mimepart *part = curl_mime_addpart(*form);
        if (!part || curl_mime_name(part, field->name) || curl_mime_data(part, field->data, field->size) ||
            (field->file_name && curl_mime_filename(part, field->file_name)) ||
            (field->type && curl_mime_type(part, field->type)))
            return false;
    }
    return *form && curl_easy_setopt(e->curl, CURLOPT_MIMEPOST, *form) == CURLE_OK;
}

/* false: no memory. */
static bool set_method(struct exchange *e, curl_mime **form)
{
    const struct network_request *request = e->request;

    if (request->field_count)
        return set_fields(e, form);
    if (!strcmp(request->method, "HEAD"))
        curl_easy_setopt(e->curl, CURLOPT_NOBODY, 1L);
    if (!strcmp(request->method, "PUT")) /* over an old connection libcurl may send it twice without a word */
        curl_easy_setopt(e->curl, CURLOPT_FRESH_CONNECT, 1L);
    if (request->body) {
        curl_easy_setopt(e->curl, CURLOPT_POST, 1L);
        curl_easy_setopt(e->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_size);
        curl_easy_setopt(e->curl, CURLOPT_POSTFIELDS, request->body);
        curl_easy_setopt(e->curl, CURLOPT_CUSTOMREQUEST, request->method);
    }
    return true;
}

static bool set_headers(struct exchange *e, struct curl_slist **list)
{
    for (size_t i = 0; i < e->request->header_count; i++) {
        struct curl_slist *longer = curl_slist_append(*list, e->request->headers[i]);
        if (!longer)
            return false;
        *list = longer;
    }
    struct curl_slist *longer =
        curl_slist_append(*list, "Expect:"); /* bodies are small: do not wait for a 100 */
    *list = longer ? longer : *list;
    return longer && curl_easy_setopt(e->curl, CURLOPT_HTTPHEADER, *list) == CURLE_OK;
}

/* ---- the reply */

static void read_reply(struct exchange *e)
{
    char *redirect = NULL;
    curl_off_t wait = 0;
    struct network_reply *reply = e->reply;

    curl_easy_getinfo(e->curl, CURLINFO_RESPONSE_CODE, &reply->status);
    curl_easy_getinfo(e->curl, CURLINFO_REDIRECT_URL, &redirect);
    if (redirect && reply->status / 100 == 3)
        reply->redirect = strdup(redirect);
    /* libcurl reads both forms, seconds and a date, and says 0 where there is none */
    if (curl_easy_getinfo(e->curl, CURLINFO_RETRY_AFTER, &wait) == CURLE_OK &&
        (wait > 0 || (reply->headers.data && strcasestr(reply->headers.data, "\nretry-after:"))))
        reply->retry_after = (double)wait;
    char *end = reply->headers.data; /* lines end with \r\n: leave \n alone */
    for (char *c = reply->headers.data; c && c < reply->headers.data + reply->headers.size; c++)
        if (*c != '\r')
            *end++ = *c;
    if (end) {
        reply->headers.size = (size_t)(end - reply->headers.data);
        *end = 0;
    }
}

static enum network_result judge(const struct exchange *e, CURLcode code)
{
    struct network_reply *reply = e->reply;

    if (e->too_long)
        strcpy(reply->problem, "the reply is longer than expected");
    else if (!code && !e->has_head) /* libcurl takes a reply for whole whose head was cut off */
        strcpy(reply->problem, "the reply was cut off");
    else if (code)
        strncat(reply->problem, curl_easy_strerror(code), sizeof reply->problem - 1);
    switch (code) {
    case CURLE_OK:
        return reply->headers.failed ? NETWORK_MEMORY : e->has_head ? NETWORK_DONE : NETWORK_FAILED;
    case CURLE_ABORTED_BY_CALLBACK:
        return NETWORK_STOPPED;
    case CURLE_OUT_OF_MEMORY:
        return NETWORK_MEMORY;
    case CURLE_WRITE_ERROR:
        return e->refused ? NETWORK_WRITE : e->too_long ? NETWORK_REFUSED : NETWORK_MEMORY;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
        return NETWORK_REFUSED;
    default:
        return NETWORK_FAILED;
    }
}

static enum network_result exchange_network(void *connection, const struct network_request *request,
                                            struct network_reply *reply)
{
    struct exchange e = {.curl = connection, .request = request, .reply = reply};
    struct curl_slist *headers = NULL;
    curl_mime *form = NULL;
    enum network_result result = NETWORK_MEMORY;

    *reply = (struct network_reply){.retry_after = -1.0};
    curl_easy_reset(connection);
    set_common(&e);
    if (set_headers(&e, &headers) && set_method(&e, &form)) {
        CURLcode code = curl_easy_perform(connection);
        read_reply(&e);
        result = judge(&e, code);
    }
    curl_easy_reset(connection);
    curl_slist_free_all(headers);
    curl_mime_free(form);
    return result;
}

/* ---- addresses */

static bool same_part(CURLU *a, CURLU *b, CURLUPart part)
{
    char *of_a = NULL, *of_b = NULL;
    bool same = !curl_url_get(a, part, &of_a, CURLU_DEFAULT_PORT) &&
                !curl_url_get(b, part, &of_b, CURLU_DEFAULT_PORT) && !strcasecmp(of_a, of_b);

    curl_free(of_a);
    curl_free(of_b);
    return same;
}

static bool same_origin(const char *a, const char *b)
{
    CURLU *first = curl_url(), *second = curl_url();
    bool same = first && second && !curl_url_set(first, CURLUPART_URL, a, 0) &&
                !curl_url_set(second, CURLUPART_URL, b, 0) && same_part(first, second, CURLUPART_SCHEME) &&
                same_part(first, second, CURLUPART_HOST) && same_part(first, second, CURLUPART_PORT);

    curl_url_cleanup(first);
    curl_url_cleanup(second);
    return same;
}

__attribute__((visibility("default"))) const struct network *clipseg_network(void);

const struct network *clipseg_network(void)
{
    static const struct network network = {connect_network, disconnect_network, exchange_network,
                                           same_origin,     digest_create,      digest_add,
                                           digest_read,     digest_free};

    return curl_global_init(CURL_GLOBAL_DEFAULT) ? NULL : &network;
}
