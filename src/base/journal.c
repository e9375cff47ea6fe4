/* journal.c: records appended to one file. Layout, numbers little-endian:
 *
 *     "clipseg journal 1\n", then records:
 *     u8 kind, u32 size, u32 crc32 of kind, size and payload, payload [size]
 *
 *     PIECES  u64 key, then for each piece u32 size and its bytes
 *     BOOT    the machine's boot id: the records that follow were written since that start of the machine
 *     SYNCED  empty: everything before, and the files it speaks of, is on the disk
 *
 * Opened after a restart of the machine, only what lies before the last SYNCED is believed. */
#include "base/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

#define MAGIC "clipseg journal 1\n"
#define HEADER ((size_t)9)
#define MOST ((size_t)1 << 31) /* bytes of one record */
#define SYNC_SECONDS 5

enum kind { KIND_PIECES = 1, KIND_BOOT = 2, KIND_SYNCED = 3 };

struct entry {
    uint64_t key;
    uint64_t place; /* of the payload; 0: an empty slot, as the magic lies there */
    uint32_t size;
};

struct journal {
    pthread_mutex_t lock;
    int file;
    char *path;
    uint64_t end;
    struct entry *table; /* [capacity], a power of two, open addressing */
    size_t count, capacity;
    time_t synced;
};

/* ---- the table from keys to places */

static struct entry *slot_of(const struct journal *j, uint64_t key)
{
    size_t i = (size_t)(key ^ key >> 32) & (j->capacity - 1);

    while (j->table[i].place && j->table[i].key != key)
        i = (i + 1) & (j->capacity - 1);
    return &j->table[i];
}

static bool grow(struct journal *j)
{
    struct journal larger = {.capacity = j->capacity ? 2 * j->capacity : 64};

    larger.table = memory_zeroed(larger.capacity, sizeof *larger.table);
    if (!larger.table)
        return false;
    for (size_t i = 0; i < j->capacity; i++)
        if (j->table[i].place)
            *slot_of(&larger, j->table[i].key) = j->table[i];
    free(j->table);
    j->table = larger.table;
    j->capacity = larger.capacity;
    return true;
}

static clipseg_status insert(struct journal *j, struct entry entry, clipseg_error *error)
{
    if (2 * (j->count + 1) > j->capacity && !grow(j))
        return error_memory(error);
    struct entry *slot = slot_of(j, entry.key);
    j->count += !slot->place;
    *slot = entry;
    return CLIPSEG_OK;
}

/* ---- numbers and bytes */

static uint64_t get(const unsigned char *bytes, size_t count)
{
    uint64_t value = 0;

    for (size_t i = count; i--;)
        value = value << 8 | bytes[i];
    return value;
}

static void put(unsigned char *bytes, uint64_t value, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (unsigned char)(value >> 8 * i);
}

/* The bytes at a place; false at the end of the file and on errors. */
static bool read_at(const struct journal *j, void *out, size_t size, uint64_t place)
{
    char *to = out;

    while (size) {
        ssize_t part = pread(j->file, to, size, (off_t)place);
        if (part <= 0 && !(part < 0 && errno == EINTR))
            return false;
        to += part > 0 ? part : 0;
        place += part > 0 ? (uint64_t)part : 0;
        size -= part > 0 ? (size_t)part : 0;
    }
    return true;
}

static bool write_all(int file, const char *from, size_t size)
{
    while (size) {
        ssize_t part = write(file, from, size);
        if (part < 0 && errno != EINTR)
            return false;
        from += part > 0 ? part : 0;
        size -= part > 0 ? (size_t)part : 0;
    }
    return true;
}

/* ---- appending */

static uint32_t checksum(const unsigned char header[5], const void *payload, size_t size)
{
    return (uint32_t)crc32_z(crc32_z(0, header, 5), payload, size);
}

/* One write of the whole record; when that fails, the file is as it was. */
static clipseg_status append(struct journal *j, enum kind kind, const struct buffer *payload,
                             clipseg_error *error)
{
    struct buffer record = {0};
    unsigned char header[HEADER];

    if (payload->size > MOST)
        return error_set(error, CLIPSEG_ERROR_IO, "%s: a record of more than 2 GiB", j->path);
    header[0] = (unsigned char)kind;
    put(header + 1, payload->size, 4);
    put(header + 5, checksum(header, payload->size ? payload->data : "", payload->size), 4);
    buffer_append(&record, header, sizeof header);
    buffer_append(&record, payload->data ? payload->data : "", payload->size);
    bool written = !record.failed && write_all(j->file, record.data, record.size);
    int reason = errno;
    buffer_free(&record);
    if (written) {
        j->end += HEADER + payload->size;
        return CLIPSEG_OK;
    }
    if (ftruncate(j->file, (off_t)j->end) == 0)
        lseek(j->file, 0, SEEK_END);
    return record.failed
               ? error_memory(error)
               : error_set(error, CLIPSEG_ERROR_IO, "%s: cannot be written: %s", j->path, strerror(reason));
}

static clipseg_status append_small(struct journal *j, enum kind kind, const char *text, clipseg_error *error)
{
    struct buffer payload = {0};

    buffer_text(&payload, text);
    clipseg_status status = payload.failed ? error_memory(error) : append(j, kind, &payload, error);
    buffer_free(&payload);
    return status;
}

/* First the files of the records, then the note that they are safe. */
static clipseg_status sync_all(struct journal *j, clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;

    if (syncfs(j->file))
        return error_set(error, CLIPSEG_ERROR_IO, "%s: cannot be written: %s", j->path, strerror(errno));
    status = append_small(j, KIND_SYNCED, "", error);
    if (!status && fdatasync(j->file))
        status = error_set(error, CLIPSEG_ERROR_IO, "%s: cannot be written: %s", j->path, strerror(errno));
    return status;
}

static time_t seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static clipseg_status add_payload(struct journal *j, uint64_t key, const struct buffer *payload,
                                  clipseg_error *error)
{
    clipseg_status status;
    time_t now = seconds_now();

    pthread_mutex_lock(&j->lock);
    struct entry entry = {key, j->end + HEADER, (uint32_t)payload->size};
    status = append(j, KIND_PIECES, payload, error);
    if (!status)
        status = insert(j, entry, error);
    if (!status && now - j->synced >= SYNC_SECONDS) {
        status = sync_all(j, error);
        j->synced = seconds_now();
    }
    pthread_mutex_unlock(&j->lock);
    return status;
}

clipseg_status journal_add(struct journal *j, uint64_t key, const struct buffer *pieces, size_t count,
                           clipseg_error *error)
{
    struct buffer payload = {0};
    unsigned char number[8];

    put(number, key, 8);
    buffer_append(&payload, number, 8);
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].size > MOST)
            payload.failed = true;
        put(number, pieces[i].size, 4);
        buffer_append(&payload, number, 4);
        if (pieces[i].size)
            buffer_append(&payload, pieces[i].data, pieces[i].size);
    }
    clipseg_status status = payload.failed ? error_memory(error) : add_payload(j, key, &payload, error);
    buffer_free(&payload);
    return status;
}

/* ---- reading */

size_t journal_count(struct journal *j)
{
    pthread_mutex_lock(&j->lock);
    size_t count = j->count;
    pthread_mutex_unlock(&j->lock);
    return count;
}

bool journal_has(struct journal *j, uint64_t key)
{
    pthread_mutex_lock(&j->lock);
    bool found = j->count && slot_of(j, key)->place;
    pthread_mutex_unlock(&j->lock);
    return found;
}

static bool split(const unsigned char *data, size_t size, struct buffer *pieces, size_t count)
{
    size_t place = 8;

    for (size_t i = 0; i < count; i++) {
        size_t length = size - place >= 4 ? (size_t)get(data + place, 4) : SIZE_MAX;
        if (length > size - place - 4)
            return false;
        buffer_append(&pieces[i], data + place + 4, length);
        place += 4 + length;
    }
    return place == size;
}

clipseg_status journal_read(struct journal *j, uint64_t key, struct buffer *pieces, size_t count, bool *found,
                            clipseg_error *error)
{
    struct entry entry = {0};

    *found = false;
    pthread_mutex_lock(&j->lock);
    if (j->count)
        entry = *slot_of(j, key);
    pthread_mutex_unlock(&j->lock);
    if (!entry.place)
        return CLIPSEG_OK;
    unsigned char *data = memory_aligned(entry.size, 1);
    if (!data)
        return error_memory(error);
    clipseg_status status = read_at(j, data, entry.size, entry.place)
                                ? CLIPSEG_OK
                                : error_set(error, CLIPSEG_ERROR_IO, "%s: cannot be read", j->path);
    *found = !status && split(data, entry.size, pieces, count);
    free(data);
    for (size_t i = 0; !status && i < count; i++)
        if (pieces[i].failed)
            status = error_memory(error);
    return status;
}

clipseg_status journal_merge(struct journal *j, struct journal *other, clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;

    for (size_t i = 0; !status && i < other->capacity; i++) {
        struct entry *entry = &other->table[i];
        struct buffer payload = {.data = entry->place ? malloc(entry->size) : NULL, .size = entry->size};
        if (!entry->place || journal_has(j, entry->key))
            status = CLIPSEG_OK;
        else if (!payload.data)
            status = error_memory(error);
        else if (!read_at(other, payload.data, entry->size, entry->place))
            status = error_set(error, CLIPSEG_ERROR_IO, "%s: cannot be read", other->path);
        else
            status = add_payload(j, entry->key, &payload, error);
        free(payload.data);
    }
    return status;
}

/* ---- opening and closing */

static void boot_id(char out[64])
{
    int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t size = file >= 0 ? read(file, out, 63) : 0;

    if (file >= 0)
        close(file);
    out[size > 0 ? size : 0] = 0;
}

struct scan {
    struct buffer payload; /* room for one record */
    uint64_t place;        /* behind the last whole record */
    uint64_t believed;     /* behind the last SYNCED */
    bool since_boot;       /* written since the machine was started */
    char boot[64];
};

/* One record; false where the file ends or is torn. */
static bool scan_record(struct journal *j, struct scan *scan, enum kind *kind, clipseg_status *status,
                        clipseg_error *error)
{
    unsigned char header[HEADER];

    if (!read_at(j, header, sizeof header, scan->place))
        return false;
    size_t size = (size_t)get(header + 1, 4);
    struct stat info;
    if (size > MOST || fstat(j->file, &info) || scan->place + HEADER + size > (uint64_t)info.st_size)
        return false;
    if (size > scan->payload.capacity || !scan->payload.data) {
        char *data = realloc(scan->payload.data, size + 1);
        if (!data) {
            *status = error_memory(error);
            return false;
        }
        scan->payload = (struct buffer){.data = data, .capacity = size + 1};
    }
    unsigned char *data = (unsigned char *)scan->payload.data;
    if (!read_at(j, data, size, scan->place + HEADER) || get(header + 5, 4) != checksum(header, data, size))
        return false;
    scan->payload.size = size;
    *kind = (enum kind)header[0];
    return true;
}

static clipseg_status scan_records(struct journal *j, struct scan *scan, uint64_t end, clipseg_error *error)
{
    clipseg_status status = CLIPSEG_OK;
    enum kind kind;

    while (scan->place < end && scan_record(j, scan, &kind, &status, error)) {
        const unsigned char *payload = (const unsigned char *)scan->payload.data;
        size_t size = scan->payload.size;
        if (kind == KIND_PIECES && size >= 8)
            status = insert(j, (struct entry){get(payload, 8), scan->place + HEADER, (uint32_t)size}, error);
        if (kind == KIND_BOOT)
            scan->since_boot =
                *scan->boot && strlen(scan->boot) == size && !memcmp(payload, scan->boot, size);
        if (status)
            return status;
        scan->place += HEADER + size;
        if (kind == KIND_SYNCED)
            scan->believed = scan->place;
    }
    return status;
}

static void forget_all(struct journal *j)
{
    free(j->table);
    j->table = NULL;
    j->count = j->capacity = 0;
}

/* Read what is there, cut off what cannot be believed, and get ready to append. */
static clipseg_status begin(struct journal *j, clipseg_error *error)
{
    struct scan scan = {.place = sizeof MAGIC - 1, .believed = sizeof MAGIC - 1};
    char magic[sizeof MAGIC - 1];
    clipseg_status status = CLIPSEG_OK;
    bool begun = read_at(j, magic, sizeof magic, 0) && !memcmp(magic, MAGIC, sizeof magic);

    boot_id(scan.boot);
    if (begun)
        status = scan_records(j, &scan, UINT64_MAX, error);
    if (!status && begun && !scan.since_boot && scan.place != scan.believed) {
        uint64_t end = scan.believed;
        forget_all(j);
        scan.place = scan.believed = sizeof MAGIC - 1;
        status = scan_records(j, &scan, end, error);
    }
    free(scan.payload.data);
    if (status)
        return status;
    j->end = begun ? scan.place : 0;
    if (ftruncate(j->file, (off_t)j->end) || lseek(j->file, 0, SEEK_END) < 0 ||
        (!begun && !write_all(j->file, MAGIC, sizeof MAGIC - 1)))
        return error_set(error, CLIPSEG_ERROR_IO, "%s: cannot be written: %s", j->path, strerror(errno));
    j->end = begun ? j->end : sizeof MAGIC - 1;
    return begun && scan.since_boot ? CLIPSEG_OK : append_small(j, KIND_BOOT, scan.boot, error);
}

static clipseg_status open_file(struct journal *j, const char *path, clipseg_error *error)
{
    j->path = memory_string(path, strlen(path));
    if (!j->path)
        return error_memory(error);
    j->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (j->file < 0)
        return error_set(error, CLIPSEG_ERROR_IO, "%s: cannot be written: %s", path, strerror(errno));
    if (flock(j->file, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
        return error_set(error, CLIPSEG_ERROR_IO,
                         "%s: the same work is being done by another process; wait for it, or divide the "
                         "work with --shard",
                         path);
    return CLIPSEG_OK;
}

clipseg_status journal_open(struct journal **journal, const char *path, clipseg_error *error)
{
    struct journal *j = memory_zeroed(1, sizeof *j);

    *journal = NULL;
    if (!j)
        return error_memory(error);
    pthread_mutex_init(&j->lock, NULL);
    j->file = -1;
    j->synced = seconds_now();
    clipseg_status status = open_file(j, path, error);
    if (!status)
        status = begin(j, error);
    if (status) {
        if (j->file >= 0)
            close(j->file);
        free(j->path);
        free(j->table);
        pthread_mutex_destroy(&j->lock);
        free(j);
        return status;
    }
    *journal = j;
    return CLIPSEG_OK;
}

void journal_close(struct journal **journal, bool keep)
{
    struct journal *j = *journal;

    if (!j)
        return;
    if (!keep || !j->count)
        unlink(j->path);
    else
        (void)sync_all(j, NULL);
    close(j->file);
    free(j->path);
    free(j->table);
    pthread_mutex_destroy(&j->lock);
    free(j);
    *journal = NULL;
}
