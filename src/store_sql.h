/*
 * store_sql: what the parts of the store share. Private to src/store*.c.
 */
#ifndef SRC_STORE_SQL_H
#define SRC_STORE_SQL_H

#include "base/err.h"
#include "src/store.h"

#include <stdbool.h>
#include <stdint.h>

struct sqlite3;
struct sqlite3_stmt;
struct db; // the connection with its prepared statements; store thread only

extern const char *const STORE_MIGRATIONS[]; // [STORE_VERSION], generated from schema/
extern const int STORE_VERSION;

/**
 * A request: work runs on the store thread inside a savepoint, answer on the loop after the
 * commit, destroy frees the request. The first member of each kind of request.
 */
struct request {
    int (*work)(struct db *db, struct request *request, struct err *err);
    void (*answer)(struct request *request); // looks at request->err
    void (*destroy)(struct request *request);
    struct err err;
    struct request *next;
    bool is_rebuildable; // a power loss may undo it: start-up does it again from files
};

/** Queue request; ownership goes with it. request NULL (no memory) aborts, as loop_post. */
void store_submit(struct store *store, struct request *request);

/** The prepared statement of sql, a string literal, reset and bound to args by format:
 * i int64_t, t text, d double (NAN: NULL), n NULL. NULL with err on failure. */
struct sqlite3_stmt *sql(struct db *db, struct err *err, const char *text,
                         const char *format, ...);
/** Step stmt: 1 a row, 0 done (and reset), negative on error. stmt NULL: error passed on. */
int sql_step(struct db *db, struct sqlite3_stmt *stmt, struct err *err);
/** Let go of a row that sql_step() gave, when no further one is wanted. */
void sql_reset(struct sqlite3_stmt *stmt);
/** Run a statement that gives no row. */
int sql_run(struct db *db, struct sqlite3_stmt *stmt, struct err *err);
/** Run a query that gives one integer; ERR_NOTFOUND when there is no row. */
int sql_one(struct db *db, struct sqlite3_stmt *stmt, int64_t *ret, struct err *err);
int64_t sql_int(struct sqlite3_stmt *stmt, int column);
double sql_real(struct sqlite3_stmt *stmt, int column); // NAN when NULL
const char *sql_text(struct sqlite3_stmt *stmt, int column);
bool sql_is_null(struct sqlite3_stmt *stmt, int column);
int64_t sql_last_id(struct db *db);
int sql_changes(struct db *db);
/** strdup that aborts when there is no memory: for requests on their way to the loop. */
char *sql_copy(const char *text);
/** free() of what is pointed to as const. */
void sql_free(const void *memory);

/** When no delivery of a sending job is pending any more, it ends: failed if one is dead. */
int store_settle_job(struct db *db, int64_t job, struct err *err);

#endif
