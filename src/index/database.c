/* database.c: the index's table of pictures in SQLite. */
#include "index/database.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "base/error.h"
#include "base/memory.h"

#define APPLICATION 0x434c5053 /* "CLPS": how `file` and we recognise an index */
#define VERSION 1
#define WAIT_MILLISECONDS 10000

enum statement { INSERT, DELETE, FIND, LIST, COUNT, SLOTS, STATEMENTS };

static const char *const texts[STATEMENTS] = {
    [INSERT] = "INSERT INTO picture(path, size, modified, slot) VALUES(?1, ?2, ?3, ?4)",
    [DELETE] = "DELETE FROM picture WHERE id = ?1",
    [FIND] = "SELECT path FROM picture WHERE id = ?1 AND slot = ?2",
    [LIST] = "SELECT id, path, size, modified, slot FROM picture ORDER BY path",
    [COUNT] = "SELECT count(*) FROM picture",
    [SLOTS] = "SELECT coalesce(max(slot) + 1, 0) FROM picture",
};

static const char schema[] =
    "CREATE TABLE fact(identity INTEGER NOT NULL, model TEXT NOT NULL, dimension INTEGER NOT NULL,"
    " text BLOB NOT NULL, picture BLOB NOT NULL);"
    "CREATE TABLE picture(id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL UNIQUE,"
    " size INTEGER NOT NULL, modified INTEGER NOT NULL, slot INTEGER NOT NULL UNIQUE);";

struct database {
    sqlite3 *connection;
    sqlite3_stmt *statements[STATEMENTS];
    char *path;
    struct database_facts facts;
    char *model;
    float *text, *picture;
};

static clipseg_status failed(const struct database *d, clipseg_error *error)
{
    int code = sqlite3_errcode(d->connection);

    if (code == SQLITE_NOMEM)
        return error_memory(error);
    if (code == SQLITE_BUSY)
        return error_set(error, CLIPSEG_ERROR_IO, "%s: another program has locked it; try again", d->path);
    if (code == SQLITE_NOTADB)
        return error_set(error, CLIPSEG_ERROR_IO, "%s: not an index of clipseg", d->path);
    return error_set(error, CLIPSEG_ERROR_IO, "%s: %s", d->path, sqlite3_errmsg(d->connection));
}

static clipseg_status execute(struct database *d, const char *text, clipseg_error *error)
{
    return sqlite3_exec(d->connection, text, NULL, NULL, NULL) ? failed(d, error) : CLIPSEG_OK;
}

/* ---- opening */

static clipseg_status read_number(struct database *d, const char *text, int64_t *number, clipseg_error *error)
{
    sqlite3_stmt *statement = NULL;
    clipseg_status status = CLIPSEG_OK;

    if (sqlite3_prepare_v2(d->connection, text, -1, &statement, NULL) ||
        sqlite3_step(statement) != SQLITE_ROW)
        status = failed(d, error);
    else
        *number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return status;
}

static clipseg_status check_format(struct database *d, clipseg_error *error)
{
    int64_t application = 0, version = 0;
    clipseg_status status = read_number(d, "PRAGMA application_id", &application, error);

    if (!status)
        status = read_number(d, "PRAGMA user_version", &version, error);
    if (!status && application != APPLICATION)
        status = error_set(error, CLIPSEG_ERROR_IO, "%s: not an index of clipseg", d->path);
    if (!status && version != VERSION)
        status = error_set(error, CLIPSEG_ERROR_IO,
                           "%s: written by another version of clipseg; build the index anew", d->path);
    return status;
}

/* A column that must be `dimension` floats. */
static float *copy_floats(sqlite3_stmt *statement, int column, size_t dimension)
{
    size_t size = dimension * sizeof(float);
    float *copy = memory_aligned(dimension, sizeof *copy);

    if (copy && (size_t)sqlite3_column_bytes(statement, column) == size && size)
        memcpy(copy, sqlite3_column_blob(statement, column), size);
    else if (copy)
        memset(copy, 0, size);
    return copy;
}

static clipseg_status copy_facts(struct database *d, sqlite3_stmt *statement, clipseg_error *error)
{
    int64_t dimension = sqlite3_column_int64(statement, 2);
    const char *model = (const char *)sqlite3_column_text(statement, 1);

    if (dimension < 1 || dimension > 65536 || !model)
        return error_set(error, CLIPSEG_ERROR_IO, "%s: damaged; build the index anew", d->path);
    d->facts = (struct database_facts){.identity = (uint64_t)sqlite3_column_int64(statement, 0),
                                       .dimension = (size_t)dimension};
    d->facts.model = d->model = memory_string(model, strlen(model));
    d->facts.text = d->text = copy_floats(statement, 3, d->facts.dimension);
    d->facts.picture = d->picture = copy_floats(statement, 4, d->facts.dimension);
    return d->model && d->text && d->picture ? CLIPSEG_OK : error_memory(error);
}

static clipseg_status read_facts(struct database *d, clipseg_error *error)
{
    sqlite3_stmt *statement = NULL;
    clipseg_status status;

    if (sqlite3_prepare_v2(d->connection, "SELECT identity, model, dimension, text, picture FROM fact", -1,
                           &statement, NULL)) {
        status = failed(d, error);
    } else {
        int code = sqlite3_step(statement);
        status = code == SQLITE_ROW ? copy_facts(d, statement, error)
                 : code == SQLITE_DONE
                     ? error_set(error, CLIPSEG_ERROR_IO, "%s: damaged; build the index anew", d->path)
                     : failed(d, error);
    }
    sqlite3_finalize(statement);
    return status;
}

static clipseg_status prepare(struct database *d, clipseg_error *error)
{
    for (size_t i = 0; i < STATEMENTS; i++)
        if (sqlite3_prepare_v3(d->connection, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &d->statements[i],
                               NULL))
            return failed(d, error);
    return CLIPSEG_OK;
}

static clipseg_status connect(struct database *d, int flags, clipseg_error *error)
{
    int code = sqlite3_open_v2(d->path, &d->connection, flags | SQLITE_OPEN_EXRESCODE, NULL);

    if (!d->connection)
        return error_memory(error);
    sqlite3_extended_result_codes(d->connection, 0);
    sqlite3_busy_timeout(d->connection, WAIT_MILLISECONDS);
    return code ? failed(d, error) : CLIPSEG_OK;
}

static clipseg_status make(struct database **database, const char *path, clipseg_error *error)
{
    *database = memory_zeroed(1, sizeof **database);
    if (*database)
        (*database)->path = memory_string(path, strlen(path));
    return *database && (*database)->path ? CLIPSEG_OK : error_memory(error);
}

clipseg_status database_open(struct database **database, const char *path, clipseg_error *error)
{
    struct database *d = NULL;
    struct stat info;
    clipseg_status status;

    if (stat(path, &info) || !S_ISREG(info.st_mode))
        return error_set(error, CLIPSEG_ERROR_IO, "%s: no such index; build it with clipseg index DIR -o %s",
                         path, path);
    status = make(&d, path, error);
    /* A writer that was killed has left a journal: undoing its last transaction needs write access. */
    if (!status && connect(d, SQLITE_OPEN_READWRITE, error) != CLIPSEG_OK) {
        sqlite3_close(d->connection);
        d->connection = NULL;
        status = connect(d, SQLITE_OPEN_READONLY, error);
    }
    if (!status && (status = check_format(d, error)) == CLIPSEG_OK &&
        (status = read_facts(d, error)) == CLIPSEG_OK)
        status = prepare(d, error);
    if (status)
        database_close(&d);
    else
        *database = d;
    return status;
}

/* In one transaction, so that a database is either empty or complete. */
static clipseg_status create(struct database *d, const struct database_facts *facts, clipseg_error *error)
{
    sqlite3_stmt *statement = NULL;
    char text[100];
    clipseg_status status;
    int size = (int)(facts->dimension * sizeof(float));

    snprintf(text, sizeof text, "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION, VERSION);
    if ((status = execute(d, text, error)) != CLIPSEG_OK ||
        (status = execute(d, schema, error)) != CLIPSEG_OK)
        return status;
    if (sqlite3_prepare_v2(d->connection, "INSERT INTO fact VALUES(?1, ?2, ?3, ?4, ?5)", -1, &statement,
                           NULL) ||
        sqlite3_bind_int64(statement, 1, (int64_t)facts->identity) ||
        sqlite3_bind_text(statement, 2, facts->model, -1, SQLITE_STATIC) ||
        sqlite3_bind_int64(statement, 3, (int64_t)facts->dimension) ||
        sqlite3_bind_blob(statement, 4, facts->text, size, SQLITE_STATIC) ||
        sqlite3_bind_blob(statement, 5, facts->picture, size, SQLITE_STATIC) ||
        sqlite3_step(statement) != SQLITE_DONE)
        status = failed(d, error);
    sqlite3_finalize(statement);
    return status;
}

static clipseg_status create_if_empty(struct database *d, const struct database_facts *facts,
                                      clipseg_error *error)
{
    int64_t tables = 0;
    clipseg_status status = execute(d, "BEGIN IMMEDIATE", error);

    if (!status)
        status = read_number(d, "SELECT count(*) FROM sqlite_master", &tables, error);
    if (!status && !tables)
        status = create(d, facts, error);
    return status ? status : execute(d, "COMMIT", error);
}

clipseg_status database_write_open(struct database **database, const char *path,
                                   const struct database_facts *facts, clipseg_error *error)
{
    struct database *d = NULL;
    clipseg_status status = make(&d, path, error);

    if (!status && (status = connect(d, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, error)) == CLIPSEG_OK &&
        (status = create_if_empty(d, facts, error)) == CLIPSEG_OK &&
        (status = check_format(d, error)) == CLIPSEG_OK && (status = read_facts(d, error)) == CLIPSEG_OK)
        status = prepare(d, error);
    if (status)
        database_close(&d);
    else
        *database = d;
    return status;
}

void database_close(struct database **database)
{
    struct database *d = *database;

    if (!d)
        return;
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(d->statements[i]);
    sqlite3_close(d->connection); /* rolls back what was not committed */
    free(d->path);
    free(d->model);
    free(d->text);
    free(d->picture);
    free(d);
    *database = NULL;
}

const struct database_facts *database_facts(const struct database *database)
{
    return &database->facts;
}

/* ---- records */

clipseg_status database_begin(struct database *database, clipseg_error *error)
{
    return execute(database, "BEGIN IMMEDIATE", error);
}

clipseg_status database_commit(struct database *database, clipseg_error *error)
{
    return execute(database, "COMMIT", error);
}

clipseg_status database_insert(struct database *database, struct record *record, clipseg_error *error)
{
    sqlite3_stmt *s = database->statements[INSERT];
    clipseg_status status = CLIPSEG_OK;

    if (sqlite3_bind_text(s, 1, record->path, -1, SQLITE_STATIC) || sqlite3_bind_int64(s, 2, record->size) ||
        sqlite3_bind_int64(s, 3, record->modified) || sqlite3_bind_int64(s, 4, (int64_t)record->slot) ||
        sqlite3_step(s) != SQLITE_DONE)
        status = failed(database, error);
    else
        record->id = (uint64_t)sqlite3_last_insert_rowid(database->connection);
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return status;
}

clipseg_status database_delete(struct database *database, uint64_t id, clipseg_error *error)
{
    sqlite3_stmt *s = database->statements[DELETE];
    clipseg_status status = CLIPSEG_OK;

    if (sqlite3_bind_int64(s, 1, (int64_t)id) || sqlite3_step(s) != SQLITE_DONE)
        status = failed(database, error);
    sqlite3_reset(s);
    return status;
}

clipseg_status database_list(struct database *database, database_each *each, void *context,
                             clipseg_error *error)
{
    sqlite3_stmt *s = database->statements[LIST];
    clipseg_status status = CLIPSEG_OK;
    int code = SQLITE_ROW;

    while (!status && (code = sqlite3_step(s)) == SQLITE_ROW) {
        struct record record = {.id = (uint64_t)sqlite3_column_int64(s, 0),
                                .path = (const char *)sqlite3_column_text(s, 1),
                                .size = sqlite3_column_int64(s, 2),
                                .modified = sqlite3_column_int64(s, 3),
                                .slot = (uint64_t)sqlite3_column_int64(s, 4)};
        status = record.path ? each(context, &record, error) : error_memory(error);
    }
    if (!status && code != SQLITE_DONE)
        status = failed(database, error);
    sqlite3_reset(s);
    return status;
}

clipseg_status database_find(struct database *database, uint64_t id, uint64_t slot, char **path,
                             clipseg_error *error)
{
    sqlite3_stmt *s = database->statements[FIND];
    clipseg_status status = CLIPSEG_OK;

    *path = NULL;
    sqlite3_bind_int64(s, 1, (int64_t)id);
    sqlite3_bind_int64(s, 2, (int64_t)slot);
    int code = sqlite3_step(s);
    if (code == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(s, 0);
        *path = text ? memory_string(text, strlen(text)) : NULL;
        status = *path ? CLIPSEG_OK : error_memory(error);
    } else if (code != SQLITE_DONE) {
        status = failed(database, error);
    }
    sqlite3_reset(s);
    return status;
}

static clipseg_status ask_number(struct database *database, enum statement which, uint64_t *number,
                                 clipseg_error *error)
{
    sqlite3_stmt *s = database->statements[which];
    clipseg_status status = CLIPSEG_OK;

    if (sqlite3_step(s) == SQLITE_ROW)
        *number = (uint64_t)sqlite3_column_int64(s, 0);
    else
        status = failed(database, error);
    sqlite3_reset(s);
    return status;
}

clipseg_status database_count(struct database *database, uint64_t *count, clipseg_error *error)
{
    return ask_number(database, COUNT, count, error);
}

clipseg_status database_slots(struct database *database, uint64_t *slots, clipseg_error *error)
{
    return ask_number(database, SLOTS, slots, error);
}
