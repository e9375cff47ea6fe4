/* digest.c: sha1 and sha256 through libcrypto. */
#include "hub/network/digest.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

void *digest_create(const char *algorithm)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    if (context &&
        !EVP_DigestInit_ex(context, !strcmp(algorithm, "sha1") ? EVP_sha1() : EVP_sha256(), NULL)) {
        EVP_MD_CTX_free(context);
        context = NULL;
    }
    return context;
}

bool digest_add(void *digest, const void *data, size_t size)
{
    return EVP_DigestUpdate(digest, data, size) == 1;
}

bool digest_read(void *digest, char hex[65])
{
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    unsigned char value[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    bool done = copy && EVP_MD_CTX_copy_ex(copy, digest) == 1 &&
                EVP_DigestFinal_ex(copy, value, &length) == 1 && length <= 32;

    EVP_MD_CTX_free(copy);
    for (unsigned i = 0; done && i < length; i++)
        snprintf(hex + 2 * (size_t)i, 3, "%02x", value[i]);
    return done;
}

void digest_free(void *digest)
{
    EVP_MD_CTX_free(digest);
}
