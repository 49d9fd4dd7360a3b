/* store_delivery: what is to be sent where, in the index. */
#include "base/clock.h"
#include "base/list.h"
#include "src/store_sql.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

LIST_DEFINE(delivery_list, struct store_delivery)
LIST_DEFINE(id_list, int64_t)

/* ---- what is due ---- */

struct due_request {
    struct request request;
    char *destination;
    int64_t now_s;
    size_t limit;
    struct delivery_list list;
    void (*fn)(void *ctx, const struct err *err, const struct store_delivery *deliveries,
               size_t count);
    void *ctx;
};

static int due_work(struct db *db, struct request *request, struct err *err)
{
    struct due_request *due = (struct due_request *)request;
    struct sqlite3_stmt *stmt = sql(
        db, err,
        "SELECT d.id, r.job, d.attempts, d.next_try_s, d.destination, r.path, d.reason"
        " FROM delivery d JOIN result r ON r.id = d.result JOIN job j ON j.id = r.job"
        " WHERE d.state = 'pending' AND d.destination = ? AND d.next_try_s <= ?"
        " ORDER BY j.priority DESC, r.job, d.id LIMIT ?",
        "tii", due->destination, due->now_s, (int64_t)due->limit);
    int r;
    while ((r = sql_step(db, stmt, err)) == 1) {
        struct store_delivery *d = delivery_list_add(&due->list);
        if (!d)
            return err_set(err, ERR_NOMEM, "pending deliveries");
        d->state = DELIVERY_PENDING;
        d->id = sql_int(stmt, 0);
        d->job_id = sql_int(stmt, 1);
        d->attempts = (int)sql_int(stmt, 2);
        d->next_try_s = sql_int(stmt, 3);
        d->destination = sql_copy(sql_text(stmt, 4));
        d->path = sql_copy(sql_text(stmt, 5));
        d->reason = sql_copy(sql_text(stmt, 6));
    }
    return r;
}

static void due_answer(struct request *request)
{
    struct due_request *due = (struct due_request *)request;
    due->fn(due->ctx, &request->err, due->list.items, due->list.count);
}

static void due_destroy(struct request *request)
{
    struct due_request *due = (struct due_request *)request;
    for (size_t i = 0; i < due->list.count; i++) {
        sql_free(due->list.items[i].destination);
        sql_free(due->list.items[i].path);
        sql_free(due->list.items[i].reason);
    }
    delivery_list_finish(&due->list);
    free(due->destination);
    free(due);
}

void store_due_deliveries(struct store *store, const char *destination, int64_t now_s,
                          size_t limit,
                          void (*fn)(void *ctx, const struct err *err,
                                     const struct store_delivery *deliveries,
                                     size_t count),
                          void *ctx)
{
    struct due_request *due = calloc(1, sizeof(*due));
    if (due) {
        due->request =
            (struct request){due_work, due_answer, due_destroy, {0}, NULL, false};
        due->destination = sql_copy(destination);
        due->now_s = now_s;
        due->limit = limit;
        due->fn = fn;
        due->ctx = ctx;
    }
    store_submit(store, (struct request *)due);
}

/* ---- when a job is delivered ---- */

/* How many deliveries of a job are in that state. */
static int count_deliveries(struct db *db, int64_t job, const char *state, int64_t *ret,
                            struct err *err)
{
    return sql_one(db,
                   sql(db, err,
                       "SELECT count(*) FROM delivery d JOIN result r ON r.id = d.result"
                       " WHERE r.job = ? AND d.state = ?",
                       "it", job, state),
                   ret, err);
}

int store_settle_job(struct db *db, int64_t job, struct err *err)
{
    int64_t pending = 0, dead = 0;
    int r = count_deliveries(db, job, "pending", &pending, err);
    if (r == 0)
        r = count_deliveries(db, job, "dead", &dead, err);
    if (r < 0 || pending > 0)
        return r;
    if (dead == 0)
        return sql_run(db,
                       sql(db, err,
                           "UPDATE job SET state = end_state, changed_s = ?"
                           " WHERE id = ? AND state = 'sending'",
                           "ii", clock_wall_s(), job),
                       err);
    return sql_run(
        db,
        sql(db, err,
            "UPDATE job SET state = 'failed', changed_s = ?, reason = (SELECT"
            " 'not delivered to ' || d.destination || ': ' || d.reason FROM delivery d"
            " JOIN result r ON r.id = d.result WHERE r.job = job.id AND d.state = 'dead'"
            " LIMIT 1) WHERE id = ? AND state = 'sending'",
            "ii", clock_wall_s(), job),
        err);
}

/* ---- the outcome of a try ---- */

struct outcome_request {
    struct request request;
    int64_t id;
    enum delivery_state state;
    int64_t next_try_s;
    char *reason;
    store_done_fn fn;
    void *ctx;
};

static int outcome_work(struct db *db, struct request *request, struct err *err)
{
    const struct outcome_request *o = (struct outcome_request *)request;
    int r = sql_run(db,
                    sql(db, err,
                        "UPDATE delivery SET state = ?, attempts = attempts + 1,"
                        " next_try_s = ?, reason = ?, changed_s = ? WHERE id = ?",
                        "titii", delivery_state_name(o->state), o->next_try_s, o->reason,
                        clock_wall_s(), o->id),
                    err);
    int64_t job = 0;
    if (r == 0)
        r = sql_one(db,
                    sql(db, err,
                        "SELECT r.job FROM delivery d JOIN result r ON r.id = d.result"
                        " WHERE d.id = ?",
                        "i", o->id),
                    &job, err);
    return r == 0 ? store_settle_job(db, job, err) : r;
}

static void outcome_answer(struct request *request)
{
    struct outcome_request *o = (struct outcome_request *)request;
    if (o->fn)
        o->fn(o->ctx, &request->err);
}

static void outcome_destroy(struct request *request)
{
    struct outcome_request *o = (struct outcome_request *)request;
    free(o->reason);
    free(o);
}

void store_set_delivery(struct store *store, int64_t delivery_id,
                        enum delivery_state state, int64_t next_try_s, const char *reason,
                        store_done_fn fn, void *ctx)
{
    struct outcome_request *o = calloc(1, sizeof(*o));
    if (o) {
        o->request = (struct request){outcome_work, outcome_answer, outcome_destroy,
                                      {0},          NULL,           false};
        o->id = delivery_id;
        o->state = state;
        o->next_try_s = next_try_s;
        o->reason = sql_copy(reason);
        o->fn = fn;
        o->ctx = ctx;
    }
    store_submit(store, (struct request *)o);
}

/* ---- destinations that are no longer there ---- */

struct keep_request {
    struct request request;
    char **names;
    size_t count;
    store_done_fn fn;
    void *ctx;
};

static bool is_kept(const struct keep_request *keep, const char *destination)
{
    for (size_t i = 0; i < keep->count; i++) {
        if (strcmp(keep->names[i], destination) == 0)
            return true;
    }
    return false;
}

/* The first pending destination after *name that is not kept; "" when there is none. */
static int next_orphan(struct db *db, const struct keep_request *keep, char **name,
                       struct err *err)
{
    struct sqlite3_stmt *stmt =
        sql(db, err,
            "SELECT DISTINCT destination FROM delivery WHERE state = 'pending'"
            " AND destination > ? ORDER BY destination",
            "t", *name);
    int r;
    while ((r = sql_step(db, stmt, err)) == 1 && is_kept(keep, sql_text(stmt, 0)))
        continue;
    free(*name);
    *name = sql_copy(r == 1 ? sql_text(stmt, 0) : "");
    if (r == 1)
        sql_reset(stmt);
    return r < 0 ? r : 0;
}

static int bury(struct db *db, const char *destination, struct err *err)
{
    int r = sql_run(db,
                    sql(db, err,
                        "UPDATE delivery SET state = 'dead', changed_s = ?, reason ="
                        " 'the configuration no longer has this destination'"
                        " WHERE state = 'pending' AND destination = ?",
                        "it", clock_wall_s(), destination),
                    err);
    if (r < 0)
        return r;
    struct id_list jobs = {0};
    struct sqlite3_stmt *stmt =
        sql(db, err,
            "SELECT DISTINCT r.job FROM delivery d JOIN result r ON r.id = d.result"
            " JOIN job j ON j.id = r.job WHERE d.destination = ? AND j.state = 'sending'",
            "t", destination);
    while ((r = sql_step(db, stmt, err)) == 1) {
        int64_t *id = id_list_add(&jobs);
        if (!id)
            abort(); // as loop_post
        *id = sql_int(stmt, 0);
    }
    for (size_t i = 0; r == 0 && i < jobs.count; i++)
        r = store_settle_job(db, jobs.items[i], err);
    id_list_finish(&jobs);
    return r;
}

static int keep_work(struct db *db, struct request *request, struct err *err)
{
    const struct keep_request *keep = (struct keep_request *)request;
    char *name = sql_copy("");
    int r = next_orphan(db, keep, &name, err);
    while (r == 0 && name[0]) {
        r = bury(db, name, err);
        if (r == 0)
            r = next_orphan(db, keep, &name, err);
    }
    free(name);
    return r;
}

static void keep_answer(struct request *request)
{
    struct keep_request *keep = (struct keep_request *)request;
    if (keep->fn)
        keep->fn(keep->ctx, &request->err);
}

static void keep_destroy(struct request *request)
{
    struct keep_request *keep = (struct keep_request *)request;
    for (size_t i = 0; i < keep->count; i++)
        free(keep->names[i]);
    free(keep->names);
    free(keep);
}

void store_keep_destinations(struct store *store, const char *const *names, size_t count,
                             store_done_fn fn, void *ctx)
{
    struct keep_request *keep = calloc(1, sizeof(*keep));
    char **copies = calloc(count + 1, sizeof(*copies));
    if (!keep || !copies)
        abort(); // as loop_post
    for (size_t i = 0; i < count; i++)
        copies[i] = sql_copy(names[i]);
    keep->request =
        (struct request){keep_work, keep_answer, keep_destroy, {0}, NULL, false};
    keep->names = copies;
    keep->count = count;
    keep->fn = fn;
    keep->ctx = ctx;
    store_submit(store, &keep->request);
}

/* ---- replay ---- */

struct replay_request {
    struct request request;
    int64_t job_id;
    size_t count;
    void (*fn)(void *ctx, const struct err *err, size_t count);
    void *ctx;
};

static int replay_work(struct db *db, struct request *request, struct err *err)
{
    struct replay_request *p = (struct replay_request *)request;
    const int64_t now_s = clock_wall_s();
    int r =
        sql_run(db,
                sql(db, err,
                    "UPDATE delivery SET state = 'pending', attempts = 0, next_try_s = 0,"
                    " changed_s = ?1 WHERE state = 'dead' AND (?2 = 0 OR result IN"
                    " (SELECT id FROM result WHERE job = ?2))",
                    "ii", now_s, p->job_id),
                err);
    p->count = r == 0 ? (size_t)sql_changes(db) : 0;
    if (r == 0)
        r = sql_run(
            db,
            sql(db, err,
                "UPDATE job SET state = 'sending', changed_s = ?1 WHERE state = 'failed'"
                " AND (?2 = 0 OR id = ?2) AND EXISTS (SELECT 1 FROM result WHERE job = "
                "job.id)",
                "ii", now_s, p->job_id),
            err);
    if (r == 0)
        r = sql_run(db,
                    sql(db, err,
                        "UPDATE job SET state = 'queued', attempts = 0, reason = '',"
                        " changed_s = ?1 WHERE state = 'failed' AND (?2 = 0 OR id = ?2)",
                        "ii", now_s, p->job_id),
                    err);
    if (r == 0)
        p->count += (size_t)sql_changes(db);
    return r;
}

static void replay_answer(struct request *request)
{
    struct replay_request *p = (struct replay_request *)request;
    p->fn(p->ctx, &request->err, p->count);
}

static void replay_destroy(struct request *request)
{
    free(request);
}

void store_replay(struct store *store, int64_t job_id,
                  void (*fn)(void *ctx, const struct err *err, size_t count), void *ctx)
{
    struct replay_request *p = calloc(1, sizeof(*p));
    if (p) {
        p->request = (struct request){replay_work, replay_answer, replay_destroy,
                                      {0},         NULL,          false};
        p->job_id = job_id;
        p->fn = fn;
        p->ctx = ctx;
    }
    store_submit(store, (struct request *)p);
}
