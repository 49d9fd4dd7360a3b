#include "src/store.h"

#include "base/clock.h"
#include "base/log.h"
#include "src/loop.h"
#include "src/store_sql.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

enum {
    STATEMENTS_MAX = 128, // different SQL texts of the store
    BATCH_MAX = 64,       // requests in one transaction
    BUSY_MS = 5000,       // a reader from outside (a backup) may hold the file
};

struct db {
    sqlite3 *sqlite;
    struct {
        const char *text; // a literal: its address is its name
        sqlite3_stmt *stmt;
    } statements[STATEMENTS_MAX];
    int count;
    bool is_lazy; // synchronous = NORMAL
};

struct store {
    struct loop *loop;
    struct db db;
    pthread_t thread;
    pthread_mutex_t lock; // of the queue
    pthread_cond_t filled;
    struct request *first, **last;
    bool is_closing;
    size_t backlog;   // loop-only
    bool is_draining; // loop-only: store_close() waits for the last answer
};

const char *job_state_name(enum job_state state)
{
    static const char *const NAMES[] = {"queued", "running", "sending",   "done",
                                        "failed", "refused", "superseded"};
    return NAMES[state];
}

const char *delivery_state_name(enum delivery_state state)
{
    static const char *const NAMES[] = {"pending", "sent", "dead"};
    return NAMES[state];
}

/* ---- SQL ---- */

static int fail(struct db *db, struct err *err, const char *what)
{
    const int code = sqlite3_extended_errcode(db->sqlite);
    const bool is_full = (code & 0xff) == SQLITE_FULL;
    const bool is_none =
        (code & 0xff) == SQLITE_NOTADB || (code & 0xff) == SQLITE_CORRUPT;
    return err_set(err,
                   is_full   ? ERR_LIMIT
                   : is_none ? ERR_FORMAT
                             : ERR_IO,
                   "index: %.60s: %.100s", what, sqlite3_errmsg(db->sqlite));
}

static sqlite3_stmt *prepared(struct db *db, const char *text)
{
    for (int i = 0; i < db->count; i++) {
        if (db->statements[i].text == text)
            return db->statements[i].stmt;
    }
    assert(db->count < STATEMENTS_MAX);

    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v3(db->sqlite, text, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL))
        return NULL;
    db->statements[db->count].text = text;
    db->statements[db->count++].stmt = stmt;
    return stmt;
}

struct sqlite3_stmt *sql(struct db *db, struct err *err, const char *text,
                         const char *format, ...)
{
    sqlite3_stmt *stmt = prepared(db, text);
    if (!stmt) {
        fail(db, err, text);
        return NULL;
    }
    sqlite3_reset(stmt);

    va_list args;
    va_start(args, format);
    for (int i = 0; format[i]; i++) {
        switch (format[i]) {
        case 'i':
            sqlite3_bind_int64(stmt, i + 1, va_arg(args, int64_t));
            break;
        case 't':
            sqlite3_bind_text(stmt, i + 1, va_arg(args, const char *), -1,
                              SQLITE_TRANSIENT);
            break;
        case 'd':
            sqlite3_bind_double(stmt, i + 1, va_arg(args, double)); // NAN binds as NULL
            break;
        default:
            assert(format[i] == 'n');
            sqlite3_bind_null(stmt, i + 1);
        }
    }
    va_end(args);
    return stmt;
}

int sql_step(struct db *db, struct sqlite3_stmt *stmt, struct err *err)
{
    if (!stmt)
        return err->code;
    const int code = sqlite3_step(stmt);
    if (code == SQLITE_ROW)
        return 1;
    int r = 0;
    if (code != SQLITE_DONE)
        r = fail(db, err, sqlite3_sql(stmt));
    sqlite3_reset(stmt);
    return r;
}

void sql_reset(struct sqlite3_stmt *stmt)
{
    sqlite3_reset(stmt);
}

int sql_run(struct db *db, struct sqlite3_stmt *stmt, struct err *err)
{
    const int r = sql_step(db, stmt, err);
    assert(r <= 0);
    return r;
}

int sql_one(struct db *db, struct sqlite3_stmt *stmt, int64_t *ret, struct err *err)
{
    const int r = sql_step(db, stmt, err);
    if (r < 0)
        return r;
    if (r == 0)
        return err_set(err, ERR_NOTFOUND, "no such row");
    *ret = sqlite3_column_int64(stmt, 0);
    sqlite3_reset(stmt);
    return 0;
}

int64_t sql_int(struct sqlite3_stmt *stmt, int column)
{
    return sqlite3_column_int64(stmt, column);
}

double sql_real(struct sqlite3_stmt *stmt, int column)
{
    return sql_is_null(stmt, column) ? (double)NAN : sqlite3_column_double(stmt, column);
}

const char *sql_text(struct sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    return text ? text : "";
}

bool sql_is_null(struct sqlite3_stmt *stmt, int column)
{
    return sqlite3_column_type(stmt, column) == SQLITE_NULL;
}

int64_t sql_last_id(struct db *db)
{
    return sqlite3_last_insert_rowid(db->sqlite);
}

int sql_changes(struct db *db)
{
    return sqlite3_changes(db->sqlite);
}

char *sql_copy(const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        abort(); // as loop_post: the node is built to be ended at any time
    return copy;
}

void sql_free(const void *memory)
{
    free((void *)(uintptr_t)memory);
}

static int execute(struct db *db, const char *text, struct err *err)
{
    if (sqlite3_exec(db->sqlite, text, NULL, NULL, NULL) != SQLITE_OK)
        return fail(db, err, text);
    return 0;
}

/* ---- the thread ---- */

static struct request *take_batch(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    while (!store->first && !store->is_closing)
        pthread_cond_wait(&store->filled, &store->lock);

    struct request *batch = store->first;
    struct request **end = &store->first;
    for (int i = 0; i < BATCH_MAX && *end; i++)
        end = &(*end)->next;
    store->first = *end;
    if (!store->first)
        store->last = &store->first;
    if (batch)
        *end = NULL; // end lies in the last request that was taken
    pthread_mutex_unlock(&store->lock);
    return batch;
}

/* One request in its own savepoint, so that its failure is not its neighbours'. */
static void work_one(struct db *db, struct request *request)
{
    if (execute(db, "SAVEPOINT request", &request->err) < 0)
        return;
    if (request->work(db, request, &request->err) < 0)
        sqlite3_exec(db->sqlite, "ROLLBACK TO request", NULL, NULL, NULL);
    else
        request->err = (struct err){0};
    sqlite3_exec(db->sqlite, "RELEASE request", NULL, NULL, NULL);
}

/* A batch of instances alone needs no sync of its own: their files are synced, and after a
 * power loss start-up indexes what has no row (state.c). Everything else is on disk when its
 * commit returns, and with it all that was committed before. */
static void choose_sync(struct db *db, const struct request *batch)
{
    bool is_rebuildable = true;
    for (const struct request *r = batch; r; r = r->next)
        is_rebuildable &= r->is_rebuildable;
    if (is_rebuildable == db->is_lazy)
        return;
    struct err err = {0};
    const char *level =
        is_rebuildable ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL";
    if (execute(db, level, &err) == 0)
        db->is_lazy = is_rebuildable;
    else
        log_event(LOG_ERROR, "store.sync", "error=\"%s\"", err.text);
}

static void work_batch(struct db *db, struct request *batch)
{
    struct err err = {0};
    choose_sync(db, batch);
    if (execute(db, "BEGIN IMMEDIATE", &err) == 0) {
        for (struct request *r = batch; r; r = r->next)
            work_one(db, r);
        if (execute(db, "COMMIT", &err) < 0)
            sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
    }
    for (struct request *r = batch; r && err.code; r = r->next)
        r->err = err; // nothing of the batch is on disk
}

struct batch {
    struct store *store;
    struct request *first;
};

static void answer_batch(void *ctx)
{
    struct batch *batch = ctx;
    for (struct request *r = batch->first, *next; r; r = next) {
        next = r->next;
        batch->store->backlog--;
        r->answer(r);
        r->destroy(r);
    }
    if (batch->store->is_draining && batch->store->backlog == 0)
        loop_stop(batch->store->loop);
    free(batch);
}

static void *run_thread(void *ctx)
{
    struct store *store = ctx;
    struct request *first;
    while ((first = take_batch(store))) {
        work_batch(&store->db, first);

        struct batch *batch = malloc(sizeof(*batch));
        if (!batch)
            abort();
        *batch = (struct batch){store, first};
        loop_post(store->loop, answer_batch, batch);
    }
    return NULL;
}

void store_submit(struct store *store, struct request *request)
{
    if (!request)
        abort();
    request->next = NULL;
    store->backlog++;
    pthread_mutex_lock(&store->lock);
    *store->last = request;
    store->last = &request->next;
    pthread_cond_signal(&store->filled);
    pthread_mutex_unlock(&store->lock);
}

size_t store_backlog(const struct store *store)
{
    return store->backlog;
}

/* ---- open and close ---- */

static int migrate(struct db *db, struct err *err)
{
    int64_t version = 0;
    int r = sql_one(db, sql(db, err, "PRAGMA user_version", ""), &version, err);
    if (r < 0)
        return r;
    if (version > STORE_VERSION)
        return err_set(err, ERR_FORMAT, "index has version %lld, this program knows %d",
                       (long long)version, STORE_VERSION);

    for (; r == 0 && version < STORE_VERSION; version++) {
        char set[64];
        sqlite3_snprintf(sizeof(set), set, "PRAGMA user_version = %d", (int)version + 1);
        r = execute(db, "BEGIN IMMEDIATE", err);
        if (r == 0)
            r = execute(db, STORE_MIGRATIONS[version], err);
        if (r == 0)
            r = execute(db, set, err);
        if (r == 0)
            r = execute(db, "COMMIT", err);
    }
    return r;
}

static int open_db(const char *path, struct db *db, struct err *err)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path, &db->sqlite, flags, NULL) != SQLITE_OK)
        return fail(db, err, "open");
    sqlite3_busy_timeout(db->sqlite, BUSY_MS);

    int r = execute(db,
                    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                    "PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 4000;"
                    "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -32768",
                    err);
    if (r == 0)
        r = migrate(db, err);
    if (r == 0) // a crash of the node is not the job's fault: the attempt does not count
        r = execute(db,
                    "UPDATE job SET state = 'queued', attempts = max(attempts - 1, 0)"
                    " WHERE state = 'running'",
                    err);
    return r;
}

static void close_db(struct db *db)
{
    for (int i = 0; i < db->count; i++)
        sqlite3_finalize(db->statements[i].stmt);
    sqlite3_close(db->sqlite);
}

int store_open(const char *path, struct loop *loop, struct store **ret, struct err *err)
{
    struct store *store = calloc(1, sizeof(*store));
    if (!store)
        return err_set(err, ERR_NOMEM, "a store");
    store->loop = loop;
    store->last = &store->first;
    pthread_mutex_init(&store->lock, NULL);
    pthread_cond_init(&store->filled, NULL);

    int r = open_db(path, &store->db, err);
    if (r == 0 && pthread_create(&store->thread, NULL, run_thread, store) != 0)
        r = err_set(err, ERR_NOMEM, "the store's thread");
    if (r < 0) {
        close_db(&store->db);
        free(store);
        return r;
    }
    *ret = store;
    return 0;
}

bool store_has_path(struct store *store, const char *path)
{
    assert(store->backlog == 0); // the thread is idle: it is ours for this call
    struct err err = {0};
    int64_t there = 0;
    return sql_one(
               &store->db,
               sql(&store->db, &err, "SELECT 1 FROM instance WHERE path = ?", "t", path),
               &there, &err)
           == 0;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    // An answer may bring new requests: those are answered too.
    store->is_draining = true;
    while (store->backlog > 0)
        loop_run(store->loop);
    pthread_mutex_lock(&store->lock);
    store->is_closing = true;
    pthread_cond_signal(&store->filled);
    pthread_mutex_unlock(&store->lock);
    pthread_join(store->thread, NULL);

    close_db(&store->db);
    pthread_cond_destroy(&store->filled);
    pthread_mutex_destroy(&store->lock);
    free(store);
}
