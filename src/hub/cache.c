/* cache.c: names and places of the Hugging Face cache. */
#include "hub/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* ---- names */

#define WORD "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

/* No empty part, no "..", no beginning with a dot or ending with .lock: what may stand in a path below the
 * cache. */
static bool safe_revision(const char *revision)
{
    return *revision && strspn(revision, WORD "/+") == strlen(revision) && *revision != '/' &&
           *revision != '.' && !strstr(revision, "//") && !strstr(revision, "/.") &&
           revision[strlen(revision) - 1] != '/';
}

bool hub_id_parse(struct hub_id *id, const char *text)
{
    const char *at = strchr(text, '@'), *slash = strchr(text, '/');
    size_t length = at ? (size_t)(at - text) : strlen(text);

    if (!slash || slash == text || length < (size_t)(slash - text) + 2 || length >= sizeof id->repository ||
        strlen(text) - length >= sizeof id->revision)
        return false;
    snprintf(id->repository, sizeof id->repository, "%.*s", (int)length, text);
    snprintf(id->revision, sizeof id->revision, "%s", at ? at + 1 : "main");
    return strspn(id->repository, WORD "/") == length && !strchr(id->repository + (slash - text) + 1, '/') &&
           *text != '.' && slash[1] != '.' && *text != '-' && slash[1] != '-' &&
           !strstr(id->repository, "--") && !strstr(id->repository, "..") && safe_revision(id->revision);
}

bool is_commit(const char *revision)
{
    return strlen(revision) == 40 && strspn(revision, "0123456789abcdef") == 40;
}

/* ---- places */

static bool fits(int length, size_t size)
{
    return length > 0 && (size_t)length < size;
}

/* A path from the environment; ~ is the user's home. */
static bool expand(const char *path, char *out, size_t size)
{
    const char *home = getenv("HOME");
    bool tilde = path[0] == '~' && (path[1] == '/' || !path[1]);

    return fits(snprintf(out, size, "%s%s", tilde && home ? home : "", tilde ? path + 1 : path), size);
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

bool cache_home(char *out, size_t size)
{
    const char *home = variable("HF_HOME"), *xdg = variable("XDG_CACHE_HOME"), *user = getenv("HOME");
    char folder[4096];

    if (home)
        return expand(home, out, size);
    if (xdg)
        return expand(xdg, folder, sizeof folder) &&
               fits(snprintf(out, size, "%s/huggingface", folder), size);
    return fits(snprintf(out, size, "%s/.cache/huggingface", user ? user : ""), size);
}

bool cache_folder(char *out, size_t size)
{
    const char *cache = variable("HF_HUB_CACHE"), *old = variable("HUGGINGFACE_HUB_CACHE");
    char home[4096];

    if (cache || old)
        return expand(cache ? cache : old, out, size);
    return cache_home(home, sizeof home) && fits(snprintf(out, size, "%s/hub", home), size);
}

bool cache_repository(const char *repository, char *out, size_t size)
{
    char cache[4096];
    const char *slash = strchr(repository, '/');

    return cache_folder(cache, sizeof cache) &&
           fits(snprintf(out, size, "%s/models--%.*s--%s", cache, (int)(slash - repository), repository,
                         slash + 1),
                size);
}

bool cache_commit(const struct hub_id *id, char *out)
{
    char folder[4096], path[4608], line[42] = "";

    if (!cache_repository(id->repository, folder, sizeof folder) ||
        !fits(snprintf(path, sizeof path, "%s/refs/%s", folder, id->revision), sizeof path))
        return false;
    FILE *file = fopen(path, "rb");
    size_t size = file ? fread(line, 1, sizeof line - 1, file) : 0;
    if (file)
        fclose(file);
    line[size] = 0;
    line[strcspn(line, "\r\n")] = 0;
    const char *commit = *line && strspn(line, WORD) == strlen(line) && *line != '.' && strlen(line) <= 40
                             ? line
                         : is_commit(id->revision) ? id->revision
                                                   : NULL;
    snprintf(out, 41, "%s", commit ? commit : "");
    return commit != NULL;
}

bool cache_find(const struct hub_id *id, char *out, size_t size)
{
    char folder[4096], commit[41];

    return cache_commit(id, commit) && cache_repository(id->repository, folder, sizeof folder) &&
           fits(snprintf(out, size, "%s/snapshots/%s", folder, commit), size) && access(out, F_OK) == 0;
}

static bool is_true(const char *value)
{
    return value && (!strcmp(value, "1") || !strcasecmp(value, "ON") || !strcasecmp(value, "YES") ||
                     !strcasecmp(value, "TRUE"));
}

bool cache_offline(void)
{
    const char *hub = variable("HF_HUB_OFFLINE");

    return is_true(hub ? hub : variable("TRANSFORMERS_OFFLINE"));
}
