/* zip.h: zip archives, for members that are stored, not compressed, so that they can be used where they lie.
 */
#ifndef CHECKPOINT_ZIP_H
#define CHECKPOINT_ZIP_H

#include <stdbool.h>

#include "clipseg.h"

struct zip_member {
    const char *name; /* [length] in the archive, not terminated */
    size_t length;
    const unsigned char *data; /* in the archive */
    size_t size;
    bool packed; /* compressed or encrypted: `data` is not what was put in */
    uint32_t crc;
    size_t header; /* where its local header begins */
};

struct zip {
    struct zip_member *members; /* sorted by name */
    size_t count;
};

/* Check the whole structure: both headers of every member agree, members neither overlap nor reach outside,
 * no name occurs twice. file: for messages.
 * Errors: MODEL, MEMORY. */
clipseg_status zip_open(struct zip *zip, const char *file, const unsigned char *data, size_t size,
                        clipseg_error *error);

const struct zip_member *zip_find(const struct zip *zip, const char *name, size_t length);
void zip_close(struct zip *zip);

#endif
