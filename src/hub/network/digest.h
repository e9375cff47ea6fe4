/* digest.h: sha1 and sha256 for struct network. */
#ifndef HUB_NETWORK_DIGEST_H
#define HUB_NETWORK_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

void *digest_create(const char *algorithm);
bool digest_add(void *digest, const void *data, size_t size);
bool digest_read(void *digest, char hex[65]);
void digest_free(void *digest);

#endif
