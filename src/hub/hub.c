/* hub.c: asking the Hugging Face hub. */
#include "hub/hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

#define ENDPOINT "https://huggingface.co"

/* ---- opening */

static char *trimmed(const char *text, size_t length)
{
    while (length && strchr(" \t\r\n", text[length - 1]))
        length--;
    while (length && strchr(" \t\r\n", *text))
        text++, length--;
    return length ? memory_string(text, length) : NULL;
}

/* $HF_TOKEN, else the file that `hf auth login` writes. */
static char *read_token(void)
{
    const char *token = getenv("HF_TOKEN"), *old = getenv("HUGGING_FACE_HUB_TOKEN"),
               *place = getenv("HF_TOKEN_PATH");
    char home[4096], path[4608], line[1024];

    token = token && *token ? token : old;
    if (token && *token)
        return trimmed(token, strlen(token));
    if (place && *place)
        snprintf(path, sizeof path, "%s", place);
    else if (cache_home(home, sizeof home))
        snprintf(path, sizeof path, "%s/token", home);
    else
        return NULL;
    FILE *file = fopen(path, "rb");
    size_t size = file ? fread(line, 1, sizeof line, file) : 0;
    if (file)
        fclose(file);
    return trimmed(line, size);
}

/* A header must not be smuggled in. */
static bool printable(const char *text)
{
    for (; *text; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

clipseg_status hub_open(struct hub *hub, const struct hub_id *id, const struct client_options *options,
                        const struct hub_listener *listener, clipseg_error *error)
{
    const char *endpoint = getenv("HF_ENDPOINT");
    struct client_options with_secret = *options;
    struct buffer authorization = {0};

    *hub = (struct hub){.id = *id, .listener = *listener};
    if (cache_offline())
        return error_set(
            error, CLIPSEG_ERROR_NETWORK,
            "%s@%s: not in the cache as a whole, and $HF_HUB_OFFLINE or $TRANSFORMERS_OFFLINE forbids the "
            "network",
            id->repository, id->revision);
    endpoint = endpoint && *endpoint ? endpoint : ENDPOINT;
    size_t length = strlen(endpoint);
    while (length && endpoint[length - 1] == '/')
        length--;
    hub->endpoint = memory_string(endpoint, length);
    hub->token = read_token();
    if (hub->token && !printable(hub->token))
        return error_set(error, CLIPSEG_ERROR_NETWORK, "$HF_TOKEN holds a blank or a control character");
    if (hub->token)
        buffer_format(&authorization, "Bearer %s", hub->token);
    hub->authorization = authorization.data;
    if (!hub->endpoint || authorization.failed)
        return error_memory(error);
    with_secret.secret = hub->token;
    return client_open(&hub->client, &with_secret, error);
}

void hub_close(struct hub *hub)
{
    client_close(&hub->client);
    free(hub->endpoint);
    free(hub->token);
    free(hub->authorization);
    *hub = (struct hub){0};
}

/* ---- refusals */

static clipseg_status refuse(const struct hub *hub, const char *url, const struct network_reply *reply,
                             clipseg_error *error)
{
    const struct hub_id *id = &hub->id;
    char code[64] = "";

    reply_header(reply, "X-Error-Code", code, sizeof code);
    if (!strcmp(code, "GatedRepo"))
        return error_set(error, CLIPSEG_ERROR_NETWORK, "%s: is gated: accept its terms at %s/%s%s",
                         id->repository, hub->endpoint, id->repository,
                         hub->token ? "; the token that was sent has no access yet"
                                    : " and give your token in $HF_TOKEN");
    if (!strcmp(code, "RevisionNotFound"))
        return error_set(error, CLIPSEG_ERROR_NETWORK, "%s: has no revision \"%s\" at %s", id->repository,
                         id->revision, hub->endpoint);
    if (!strcmp(code, "EntryNotFound"))
        return client_refuse(&hub->client, url, reply, error);
    if (reply->status == 401 && hub->token && strcmp(code, "RepoNotFound") != 0)
        return error_set(error, CLIPSEG_ERROR_NETWORK,
                         "%s: %s does not accept the token ($HF_TOKEN or the token file)", id->repository,
                         hub->endpoint);
    if (reply->status == 401 || reply->status == 404)
        return error_set(error, CLIPSEG_ERROR_NETWORK, "%s: no such repository at %s, or a private one%s",
                         id->repository, hub->endpoint,
                         hub->token ? " that the token has no access to"
                                    : "; for that give a token in $HF_TOKEN");
    if (reply->status == 403)
        return error_set(error, CLIPSEG_ERROR_NETWORK, "%s: %s forbids the access%s", id->repository,
                         hub->endpoint, hub->token ? " with this token" : "; give a token in $HF_TOKEN");
    return client_refuse(&hub->client, url, reply, error);
}

/* ---- lists */

static clipseg_status read_list(struct hub *hub, const char *url, const struct network_reply *reply,
                                json_t **names, clipseg_error *error)
{
    json_t *root = NULL, *sibling;
    char shown[1024];
    size_t i;

    url_shown(url, shown);
    clipseg_status status = json_parse(&root, reply->body.data ? reply->body.data : "", reply->body.size,
                                       shown, CLIPSEG_ERROR_NETWORK, error);
    if (status)
        return status;
    const char *sha = json_string_value(json_object_get(root, "sha"));
    json_t *siblings = json_object_get(root, "siblings");
    if (!sha || !is_commit(sha) || !json_is_array(siblings))
        status =
            error_set(error, CLIPSEG_ERROR_NETWORK,
                      "%s: no sha or no siblings in the answer: is $HF_ENDPOINT a Hugging Face hub?", shown);
    else if (!(*names = json_array()))
        status = error_memory(error);
    if (!status)
        snprintf(hub->commit, sizeof hub->commit, "%s", sha);
    json_array_foreach(siblings, i, sibling)
    {
        json_t *name = json_object_get(sibling, "rfilename");
        if (!status && json_is_string(name) && json_array_append(*names, name))
            status = error_memory(error);
    }
    json_decref(root);
    return status;
}

clipseg_status hub_list(struct hub *hub, json_t **names, clipseg_error *error)
{
    struct buffer url = {0};
    struct network_reply reply = {0};
    clipseg_status status;

    *names = NULL;
    buffer_format(&url, "%s/api/models/%s/revision/", hub->endpoint, hub->id.repository);
    url_encode(&url, hub->id.revision, false);
    if (url.failed) {
        status = error_memory(error);
    } else {
        const struct request request = {
            .method = "GET", .url = url.data, .authorization = hub->authorization};
        status = client_send(&hub->client, &request, &reply, error);
        if (!status)
            status = reply.status == 200 ? read_list(hub, url.data, &reply, names, error)
                                         : refuse(hub, url.data, &reply, error);
    }
    if (status) {
        json_decref(*names);
        *names = NULL;
    }
    reply_free(&reply);
    buffer_free(&url);
    return status;
}

/* ---- one file */

/* "abc", W/"abc", abc: abc. It becomes a file's name. */
static bool read_etag(const struct network_reply *reply, char *out, size_t size)
{
    char value[300];
    const char *start = value;

    if (!reply_header(reply, "X-Linked-Etag", value, sizeof value) &&
        !reply_header(reply, "ETag", value, sizeof value))
        return false;
    if (!strncmp(start, "W/", 2))
        start += 2;
    if (*start == '"')
        start++;
    size_t length = strcspn(start, "\"");
    if (!length || length >= size || *start == '.' ||
        strspn(start, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") < length)
        return false;
    snprintf(out, size, "%.*s", (int)length, start);
    return true;
}

static bool read_size(const struct network_reply *reply, size_t *size)
{
    char value[32], *end;

    if (!reply_header(reply, "X-Linked-Size", value, sizeof value) &&
        (reply->status / 100 == 3 || !reply_header(reply, "Content-Length", value, sizeof value)))
        return false;
    unsigned long long number = strtoull(value, &end, 10);
    *size = (size_t)number;
    return end != value && !*end && number < (unsigned long long)1 << 50;
}

static clipseg_status read_facts(struct hub *hub, const struct network_reply *reply, struct remote_file *file,
                                 clipseg_error *error)
{
    char commit[64] = "", shown[1024];

    url_shown(file->url, shown);
    if (!reply_header(reply, "X-Repo-Commit", commit, sizeof commit))
        return error_set(
            error, CLIPSEG_ERROR_NETWORK,
            "%s: no X-Repo-Commit in the answer: is $HF_ENDPOINT a Hugging Face hub? Does a proxy answer "
            "in its place?",
            shown);
    if (strcmp(commit, hub->commit) != 0)
        return error_set(error, CLIPSEG_ERROR_NETWORK, "%s: is of commit %.40s, want %s", shown, commit,
                         hub->commit);
    if (!read_etag(reply, file->etag, sizeof file->etag) || !read_size(reply, &file->size))
        return error_set(error, CLIPSEG_ERROR_NETWORK, "%s: the answer lacks an etag or a size", shown);
    clipseg_status status =
        reply->redirect ? client_check_secure(file->url, reply->redirect, error) : CLIPSEG_OK;
    if (status)
        return status;
    free(file->location);
    file->location = strdup(reply->redirect ? reply->redirect : file->url);
    return file->location ? CLIPSEG_OK : error_memory(error);
}

static clipseg_status name_file(struct hub *hub, const char *name, struct remote_file *file,
                                clipseg_error *error)
{
    struct buffer url = {0};

    if (file->url)
        return CLIPSEG_OK;
    buffer_format(&url, "%s/%s/resolve/%s/", hub->endpoint, hub->id.repository, hub->commit);
    url_encode(&url, name, true);
    file->name = strdup(name);
    file->url = url.data;
    return file->name && !url.failed ? CLIPSEG_OK : error_memory(error);
}

clipseg_status hub_ask(struct hub *hub, const char *name, struct remote_file *file, clipseg_error *error)
{
    struct network_reply reply = {0};
    clipseg_status status = name_file(hub, name, file, error);

    if (status)
        return status;
    const struct request request = {.method = "HEAD",
                                    .url = file->url,
                                    .authorization = hub->authorization,
                                    .headers = {"Accept-Encoding: identity"},
                                    .keep_redirect = true};
    status = client_send(&hub->client, &request, &reply, error);
    if (!status && reply.status != 200 && reply.status / 100 != 3)
        status = refuse(hub, file->url, &reply, error);
    if (!status)
        status = read_facts(hub, &reply, file, error);
    reply_free(&reply);
    return status;
}

void remote_file_free(struct remote_file *file)
{
    free(file->name);
    free(file->url);
    free(file->location);
    *file = (struct remote_file){0};
}
