/* store_status: the index as JSON for people. No patient data, no UIDs. */
#include "base/js.h"
#include "src/store_sql.h"

#include <stdlib.h>

struct status_request {
    struct request request;
    size_t limit;
    struct js *status;
    void (*fn)(void *ctx, const struct err *err, struct js *status);
    void *ctx;
};

/* The rows of a query as objects; names: one word a column, i: or t: before it. */
static int rows(struct db *db, struct sqlite3_stmt *stmt, const char *const *names,
                struct js *ret, struct err *err)
{
    int r;
    while ((r = sql_step(db, stmt, err)) == 1) {
        struct js *row = js_object();
        for (int i = 0; names[i]; i++) {
            const char *key = names[i] + 2;
            if (names[i][0] == 'i')
                js_set_int(row, key, sql_int(stmt, i));
            else
                js_set_string(row, key, sql_text(stmt, i));
        }
        js_add(ret, row);
    }
    return r;
}

static int add_studies(struct db *db, struct status_request *s, struct err *err)
{
    static const char *const NAMES[] = {
        "i:id",      "t:state",  "i:instances", "i:series", "t:modalities",
        "i:first_s", "i:last_s", "t:sender",    "t:note",   NULL};
    struct js *list = js_array();
    js_set(s->status, "studies", list);
    return rows(
        db,
        sql(db, err,
            "SELECT id, state, instances,"
            " (SELECT count(*) FROM series WHERE study = study.id),"
            " (SELECT group_concat(DISTINCT modality) FROM series"
            "  WHERE study = study.id),"
            " first_s, last_s, calling_ae, note FROM study ORDER BY id DESC LIMIT ?",
            "i", (int64_t)s->limit),
        NAMES, list, err);
}

static int add_jobs(struct db *db, struct status_request *s, struct err *err)
{
    static const char *const NAMES[] = {
        "i:id",       "i:study",    "t:analysis",  "t:rule",      "t:state",   "t:reason",
        "i:priority", "i:attempts", "i:created_s", "i:changed_s", "i:results", NULL};
    struct js *list = js_array();
    js_set(s->status, "jobs", list);
    return rows(
        db,
        sql(db, err,
            "SELECT id, study, analysis, rule, state, reason, priority, attempts,"
            " created_s, changed_s, (SELECT count(*) FROM result WHERE job = job.id)"
            " FROM job ORDER BY id DESC LIMIT ?",
            "i", (int64_t)s->limit),
        NAMES, list, err);
}

static int add_deliveries(struct db *db, struct status_request *s, const char *key,
                          const char *state, struct err *err)
{
    static const char *const NAMES[] = {
        "i:id",       "i:job",        "t:object", "t:destination", "t:state",
        "i:attempts", "i:next_try_s", "t:reason", "i:changed_s",   NULL};
    struct js *list = js_array();
    js_set(s->status, key, list);
    return rows(db,
                sql(db, err,
                    "SELECT d.id, r.job, r.name, d.destination, d.state, d.attempts,"
                    " d.next_try_s, d.reason, d.changed_s FROM delivery d"
                    " JOIN result r ON r.id = d.result WHERE (?1 = '' OR d.state = ?1)"
                    " ORDER BY d.id DESC LIMIT ?2",
                    "ti", state, (int64_t)s->limit),
                NAMES, list, err);
}

static int add_events(struct db *db, struct status_request *s, struct err *err)
{
    static const char *const NAMES[] = {"i:id", "i:at_s", "t:what", "t:text", NULL};
    struct js *list = js_array();
    js_set(s->status, "events", list);
    return rows(db,
                sql(db, err,
                    "SELECT id, at_s, what, text FROM event ORDER BY id DESC LIMIT ?",
                    "i", (int64_t)s->limit),
                NAMES, list, err);
}

static int add_counts(struct db *db, struct status_request *s, struct err *err)
{
    struct js *counts = js_object();
    js_set(s->status, "counts", counts);
    struct sqlite3_stmt *stmt =
        sql(db, err,
            "SELECT 'patients', count(*) FROM patient UNION ALL"
            " SELECT 'studies', count(*) FROM study UNION ALL"
            " SELECT 'studies_open', count(*) FROM study WHERE state = 'open' UNION ALL"
            " SELECT 'series', count(*) FROM series UNION ALL"
            " SELECT 'instances', count(*) FROM instance UNION ALL"
            " SELECT 'jobs_' || state, count(*) FROM job GROUP BY state UNION ALL"
            " SELECT 'deliveries_' || state, count(*) FROM delivery GROUP BY state",
            "");
    int r;
    while ((r = sql_step(db, stmt, err)) == 1)
        js_set_int(counts, sql_text(stmt, 0), sql_int(stmt, 1));
    return r;
}

static int status_work(struct db *db, struct request *request, struct err *err)
{
    struct status_request *s = (struct status_request *)request;
    js_destroy(s->status);
    s->status = js_object();
    int r = add_studies(db, s, err);
    if (r == 0)
        r = add_jobs(db, s, err);
    if (r == 0)
        r = add_deliveries(db, s, "deliveries", "", err);
    if (r == 0)
        r = add_deliveries(db, s, "dead", "dead", err);
    if (r == 0)
        r = add_events(db, s, err);
    return r == 0 ? add_counts(db, s, err) : r;
}

static void status_answer(struct request *request)
{
    struct status_request *s = (struct status_request *)request;
    s->fn(s->ctx, &request->err, s->status);
}

static void status_destroy(struct request *request)
{
    struct status_request *s = (struct status_request *)request;
    js_destroy(s->status);
    free(s);
}

void store_status(struct store *store, size_t limit,
                  void (*fn)(void *ctx, const struct err *err, struct js *status),
                  void *ctx)
{
    struct status_request *s = calloc(1, sizeof(*s));
    if (s) {
        s->request = (struct request){status_work, status_answer, status_destroy,
                                      {0},         NULL,          false};
        s->limit = limit;
        s->fn = fn;
        s->ctx = ctx;
    }
    store_submit(store, (struct request *)s);
}
