/* zip.c: the directory of a zip archive (PKWARE's APPNOTE 4.3, zip64 included), strictly.
 *
 * Not libzip: its interface gives no place of a stored member in the file, so hundreds of megabytes of
 * weights would be copied instead of mapped, and it brings five compression libraries along. */
#include "checkpoint/zip.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

#define MOST_MEMBERS 65536
#define LARGEST_DIRECTORY ((size_t)4 << 20)
#define LONGEST_NAME 512

#define END_SIZE 22
#define END64_SIZE 56
#define LOCATOR_SIZE 20
#define CENTRAL_SIZE 46
#define LOCAL_SIZE 30

#define FLAG_SIZES_FOLLOW 0x0008 /* the local header may say 0: sizes and checksum come behind the data */
#define FLAG_ENCRYPTED 0x0001
#define FLAG_UTF8 0x0800

/* Where reading stands. */
struct reading {
    const char *file;
    const unsigned char *data;
    size_t size;
    size_t directory; /* where the central directory begins */
    clipseg_error *error;
};

/* The members' headers, from the directory or beside the data. */
struct header {
    unsigned flags, method, name_length, extra_length;
    uint32_t crc;
    uint64_t packed, size, offset;
    const unsigned char *name, *extra;
};

static uint64_t read_number(const unsigned char *data, size_t bytes)
{
    uint64_t number = 0;

    while (bytes-- > 0)
        number = number << 8 | data[bytes];
    return number;
}

static clipseg_status damaged(const struct reading *r, size_t at, const char *what)
{
    return error_set(r->error, CLIPSEG_ERROR_MODEL, "%s: byte %zu: %s: no intact zip archive; get it again",
                     r->file, at, what);
}

/* ---- the directory's own place */

/* The end record is the last thing in the file, but for a comment whose length it gives. */
static bool find_end(const struct reading *r, size_t *at)
{
    size_t furthest = END_SIZE + 65535;

    for (size_t back = END_SIZE; back <= r->size && back <= furthest; back++) {
        const unsigned char *end = r->data + r->size - back;
        if (!memcmp(end, "PK\5\6", 4) && read_number(end + 20, 2) == back - END_SIZE) {
            *at = r->size - back;
            return true;
        }
    }
    return false;
}

/* Members, size and offset of the directory; *end: where it has to end. */
static clipseg_status read_end(const struct reading *r, uint64_t *members, uint64_t *size, uint64_t *offset,
                               size_t *end)
{
    size_t at;

    if (!find_end(r, &at))
        return damaged(r, r->size, "its end is missing, the file is cut off");
    const unsigned char *record = r->data + at;
    *end = at;
    if (read_number(record + 4, 2) || read_number(record + 6, 2) ||
        read_number(record + 8, 2) != read_number(record + 10, 2))
        return damaged(r, at, "split into several files");
    *members = read_number(record + 10, 2);
    *size = read_number(record + 12, 4);
    *offset = read_number(record + 16, 4);
    if (at < LOCATOR_SIZE + END64_SIZE || memcmp(record - LOCATOR_SIZE, "PK\6\7", 4) != 0)
        return CLIPSEG_OK;
    record -= LOCATOR_SIZE;
    uint64_t at64 = read_number(record + 8, 8);
    if (read_number(record + 4, 4) || read_number(record + 16, 4) > 1 ||
        at64 != at - LOCATOR_SIZE - END64_SIZE || memcmp(r->data + at64, "PK\6\6", 4) != 0)
        return damaged(r, at - LOCATOR_SIZE, "its zip64 end record is not where it should be");
    record = r->data + at64;
    uint64_t members64 = read_number(record + 32, 8), size64 = read_number(record + 40, 8),
             offset64 = read_number(record + 48, 8);
    if (read_number(record + 4, 8) != END64_SIZE - 12 || read_number(record + 16, 4) ||
        read_number(record + 20, 4) || read_number(record + 24, 8) != members64 ||
        (*members != members64 && *members != 0xffff) || (*size != size64 && *size != 0xffffffff) ||
        (*offset != offset64 && *offset != 0xffffffff))
        return damaged(r, at64, "its two end records disagree");
    *members = members64;
    *size = size64;
    *offset = offset64;
    *end = at64;
    return CLIPSEG_OK;
}

/* ---- members */

/* Sizes that do not fit into 32 bits lie in the extra field of kind 1, in this order, each only if needed. */
static bool read_zip64(struct header *h)
{
    uint64_t *needed[3];
    size_t count = 0, i = 0;

    if (h->size == 0xffffffff)
        needed[count++] = &h->size;
    if (h->packed == 0xffffffff)
        needed[count++] = &h->packed;
    if (h->offset == 0xffffffff)
        needed[count++] = &h->offset;
    while (count && i + 4 <= h->extra_length) {
        size_t kind = read_number(h->extra + i, 2), length = read_number(h->extra + i + 2, 2);
        if (length > h->extra_length - i - 4)
            return false;
        if (kind == 1) {
            for (size_t k = 0; k < count; k++) {
                if (8 * k + 8 > length)
                    return false;
                *needed[k] = read_number(h->extra + i + 4 + 8 * k, 8);
            }
            return true;
        }
        i += 4 + length;
    }
    return !count;
}

static clipseg_status read_central(const struct reading *r, size_t at, size_t end, struct header *h)
{
    const unsigned char *record = r->data + at;

    if (end - at < CENTRAL_SIZE || memcmp(record, "PK\1\2", 4) != 0)
        return damaged(r, at, "want an entry of the directory");
    *h = (struct header){.flags = (unsigned)read_number(record + 8, 2),
                         .method = (unsigned)read_number(record + 10, 2),
                         .crc = (uint32_t)read_number(record + 16, 4),
                         .packed = read_number(record + 20, 4),
                         .size = read_number(record + 24, 4),
                         .name_length = (unsigned)read_number(record + 28, 2),
                         .extra_length = (unsigned)read_number(record + 30, 2),
                         .offset = read_number(record + 42, 4),
                         .name = record + CENTRAL_SIZE};
    size_t comment = read_number(record + 32, 2);
    if (end - at - CENTRAL_SIZE < (size_t)h->name_length + h->extra_length + comment)
        return damaged(r, at, "an entry of the directory is cut off");
    h->extra = h->name + h->name_length;
    if (read_number(record + 34, 2))
        return damaged(r, at, "split into several files");
    if (!h->name_length || h->name_length > LONGEST_NAME || memchr(h->name, 0, h->name_length))
        return damaged(r, at, "a name that no member can have");
    if (!h->method && h->flags & ~(unsigned)(FLAG_SIZES_FOLLOW | FLAG_UTF8 | FLAG_ENCRYPTED))
        return damaged(r, at, "flags that a stored member does not have");
    if (!read_zip64(h))
        return damaged(r, at, "the large sizes of an entry are missing");
    return CLIPSEG_OK;
}

static bool is_packed(const struct header *h)
{
    return h->method || h->flags & FLAG_ENCRYPTED;
}

static bool same_size(uint64_t local, uint64_t central, bool may_be_zero)
{
    return local == central || (may_be_zero && !local);
}

/* The header before the data says the same; returns where the data begins. */
static clipseg_status read_local(const struct reading *r, const struct header *central, size_t *begin)
{
    size_t at = central->offset;
    const unsigned char *record = r->data + at;

    if (central->offset > r->directory || r->directory - at < LOCAL_SIZE || memcmp(record, "PK\3\4", 4) != 0)
        return damaged(r, central->offset > r->size ? r->size : at, "want a member's header");
    struct header h = {.flags = (unsigned)read_number(record + 6, 2),
                       .method = (unsigned)read_number(record + 8, 2),
                       .crc = (uint32_t)read_number(record + 14, 4),
                       .packed = read_number(record + 18, 4),
                       .size = read_number(record + 22, 4),
                       .name_length = (unsigned)read_number(record + 26, 2),
                       .extra_length = (unsigned)read_number(record + 28, 2),
                       .name = record + LOCAL_SIZE};
    if (r->directory - at - LOCAL_SIZE < (size_t)h.name_length + h.extra_length)
        return damaged(r, at, "a member's header is cut off");
    h.extra = h.name + h.name_length;
    bool later = h.flags & FLAG_SIZES_FOLLOW;
    if (!read_zip64(&h) || h.method != central->method || h.flags != central->flags ||
        h.name_length != central->name_length || memcmp(h.name, central->name, h.name_length) != 0 ||
        !same_size(h.size, central->size, later) || !same_size(h.packed, central->packed, later) ||
        !same_size(h.crc, central->crc, later))
        return damaged(r, at, "a member's header and its entry in the directory disagree");
    *begin = at + LOCAL_SIZE + h.name_length + h.extra_length;
    if ((!is_packed(central) && central->size != central->packed) || central->packed > r->directory - *begin)
        return damaged(r, at, "a member that reaches beyond the archive's data");
    return CLIPSEG_OK;
}

static clipseg_status read_members(const struct reading *r, struct zip *zip, size_t end)
{
    size_t at = r->directory;

    for (size_t i = 0; i < zip->count; i++) {
        struct header h;
        size_t begin = 0;
        clipseg_status status = read_central(r, at, end, &h);

        if (!status)
            status = read_local(r, &h, &begin);
        if (status)
            return status;
        zip->members[i] = (struct zip_member){.name = (const char *)h.name,
                                              .length = h.name_length,
                                              .data = r->data + begin,
                                              .size = h.packed,
                                              .packed = is_packed(&h),
                                              .crc = h.crc,
                                              .header = h.offset};
        at += CENTRAL_SIZE + h.name_length + h.extra_length + read_number(r->data + at + 32, 2);
    }
    return at == end ? CLIPSEG_OK : damaged(r, at, "the directory goes on behind its last entry");
}

static int compare_places(const void *a, const void *b)
{
    const struct zip_member *x = a, *y = b;

    return x->header < y->header ? -1 : x->header > y->header;
}

static int compare_names(const void *a, const void *b)
{
    const struct zip_member *x = a, *y = b;
    int order = memcmp(x->name, y->name, size_min(x->length, y->length));

    return order ? order : x->length < y->length ? -1 : x->length > y->length;
}

static clipseg_status check_members(const struct reading *r, struct zip *zip)
{
    qsort(zip->members, zip->count, sizeof *zip->members, compare_places);
    for (size_t i = 1; i < zip->count; i++) {
        const struct zip_member *before = &zip->members[i - 1];
        if (zip->members[i].header < (size_t)(before->data - r->data) + before->size)
            return damaged(r, zip->members[i].header, "two members overlap");
    }
    qsort(zip->members, zip->count, sizeof *zip->members, compare_names);
    for (size_t i = 1; i < zip->count; i++)
        if (!compare_names(&zip->members[i - 1], &zip->members[i]))
            return damaged(r, zip->members[i].header, "two members have the same name");
    return CLIPSEG_OK;
}

clipseg_status zip_open(struct zip *zip, const char *file, const unsigned char *data, size_t size,
                        clipseg_error *error)
{
    struct reading r = {file, data, size, 0, error};
    uint64_t members = 0, length = 0, offset = 0;
    size_t end = 0;
    clipseg_status status = read_end(&r, &members, &length, &offset, &end);

    *zip = (struct zip){0};
    if (status)
        return status;
    if (offset > end || length != end - offset)
        return damaged(&r, end, "the directory is not where its end says");
    if (!members || members > MOST_MEMBERS || length > LARGEST_DIRECTORY)
        return error_set(error, CLIPSEG_ERROR_MODEL,
                         "%s: an archive of %llu members with a directory of %llu bytes: no model", file,
                         (unsigned long long)members, (unsigned long long)length);
    r.directory = offset;
    zip->count = members;
    zip->members = memory_zeroed(zip->count, sizeof *zip->members);
    if (!zip->members)
        return error_memory(error);
    status = read_members(&r, zip, end);
    if (!status)
        status = check_members(&r, zip);
    if (status)
        zip_close(zip);
    return status;
}

const struct zip_member *zip_find(const struct zip *zip, const char *name, size_t length)
{
    struct zip_member wanted = {.name = name, .length = length};

    if (!zip->count)
        return NULL;
    return bsearch(&wanted, zip->members, zip->count, sizeof wanted, compare_names);
}

void zip_close(struct zip *zip)
{
    free(zip->members);
    *zip = (struct zip){0};
}
