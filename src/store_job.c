/* store_job: jobs, their results and deliveries in the index. */
#include "base/clock.h"
#include "base/list.h"
#include "src/store_sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LIST_DEFINE(job_list, struct store_job)
LIST_DEFINE(id_list, int64_t)
LIST_DEFINE(text_list, char *)
LIST_DEFINE(delivery_list, struct store_delivery)

static int collect_text(struct db *db, struct sqlite3_stmt *stmt, struct text_list *ret,
                        struct err *err)
{
    int r;
    while ((r = sql_step(db, stmt, err)) == 1) {
        char **text = text_list_add(ret);
        if (!text)
            return err_set(err, ERR_NOMEM, "texts of the index");
        *text = sql_copy(sql_text(stmt, 0));
    }
    return r;
}

static void finish_text(char **items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(items[i]);
    free(items);
}

/* ---- queued jobs ---- */

struct queued_request {
    struct request request;
    struct job_list list;
    void (*fn)(void *ctx, const struct err *err, const struct store_job *jobs,
               size_t count);
    void *ctx;
};

static int add_links(struct db *db, struct store_job *job, struct err *err)
{
    struct id_list ids = {0};
    struct text_list names = {0};
    struct sqlite3_stmt *stmt =
        sql(db, err, "SELECT series FROM job_series WHERE job = ? ORDER BY series", "i",
            job->id);
    int r;
    while ((r = sql_step(db, stmt, err)) == 1) {
        int64_t *id = id_list_add(&ids);
        if (!id)
            return err_set(err, ERR_NOMEM, "series of a job");
        *id = sql_int(stmt, 0);
    }
    if (r == 0)
        r = collect_text(
            db,
            sql(db, err, "SELECT name FROM job_destination WHERE job = ? ORDER BY name",
                "i", job->id),
            &names, err);
    job->series_ids = ids.items;
    job->series_count = ids.count;
    job->destinations = (const char *const *)names.items;
    job->destination_count = names.count;
    return r;
}

static int queued_work(struct db *db, struct request *request, struct err *err)
{
    struct queued_request *q = (struct queued_request *)request;
    struct sqlite3_stmt *stmt = sql(
        db, err,
        "SELECT j.id, j.study, j.priority, j.attempts, j.created_s, j.analysis, j.rule,"
        " j.uid_seed, o.uid_seed FROM job j LEFT JOIN job o ON o.id = j.supersedes"
        "  AND EXISTS (SELECT 1 FROM result WHERE job = o.id)"
        " WHERE j.state = 'queued' ORDER BY j.priority DESC, j.id LIMIT 1000",
        "");
    int r;
    while ((r = sql_step(db, stmt, err)) == 1) {
        struct store_job *job = job_list_add(&q->list);
        if (!job)
            return err_set(err, ERR_NOMEM, "queued jobs");
        job->state = JOB_QUEUED;
        job->id = sql_int(stmt, 0);
        job->study_id = sql_int(stmt, 1);
        job->priority = (int)sql_int(stmt, 2);
        job->attempts = (int)sql_int(stmt, 3);
        job->created_s = sql_int(stmt, 4);
        job->analysis = sql_copy(sql_text(stmt, 5));
        job->rule = sql_copy(sql_text(stmt, 6));
        job->uid_seed = sql_copy(sql_text(stmt, 7));
        if (!sql_is_null(stmt, 8))
            job->supersedes_seed = sql_copy(sql_text(stmt, 8));
    }
    for (size_t i = 0; r == 0 && i < q->list.count; i++)
        r = add_links(db, &q->list.items[i], err);
    return r;
}

static void queued_answer(struct request *request)
{
    struct queued_request *q = (struct queued_request *)request;
    q->fn(q->ctx, &request->err, q->list.items, q->list.count);
}

static void unconst_free(const void *memory)
{
    free((void *)(uintptr_t)memory);
}

static void queued_destroy(struct request *request)
{
    struct queued_request *q = (struct queued_request *)request;
    for (size_t i = 0; i < q->list.count; i++) {
        struct store_job *job = &q->list.items[i];
        unconst_free(job->analysis);
        unconst_free(job->rule);
        unconst_free(job->uid_seed);
        unconst_free(job->supersedes_seed);
        unconst_free(job->series_ids);
        finish_text((char **)(uintptr_t)job->destinations, job->destination_count);
    }
    job_list_finish(&q->list);
    free(q);
}

void store_queued_jobs(struct store *store,
                       void (*fn)(void *ctx, const struct err *err,
                                  const struct store_job *jobs, size_t count),
                       void *ctx)
{
    struct queued_request *q = calloc(1, sizeof(*q));
    if (q) {
        q->request =
            (struct request){queued_work, queued_answer, queued_destroy, {0}, NULL};
        q->fn = fn;
        q->ctx = ctx;
    }
    store_submit(store, (struct request *)q);
}

/* ---- paths of a job ---- */

struct paths_request {
    struct request request;
    int64_t job_id;
    struct text_list paths;
    void (*fn)(void *ctx, const struct err *err, const char *const *paths, size_t count);
    void *ctx;
};

static int paths_work(struct db *db, struct request *request, struct err *err)
{
    struct paths_request *p = (struct paths_request *)request;
    return collect_text(db,
                        sql(db, err,
                            "SELECT i.path FROM instance i"
                            " JOIN job_series js ON js.series = i.series"
                            " WHERE js.job = ? AND i.is_image ORDER BY i.id",
                            "i", p->job_id),
                        &p->paths, err);
}

static void paths_answer(struct request *request)
{
    struct paths_request *p = (struct paths_request *)request;
    p->fn(p->ctx, &request->err, (const char *const *)p->paths.items, p->paths.count);
}

static void paths_destroy(struct request *request)
{
    struct paths_request *p = (struct paths_request *)request;
    finish_text(p->paths.items, p->paths.count);
    free(p);
}

void store_job_paths(struct store *store, int64_t job_id,
                     void (*fn)(void *ctx, const struct err *err,
                                const char *const *paths, size_t count),
                     void *ctx)
{
    struct paths_request *p = calloc(1, sizeof(*p));
    if (p) {
        p->request = (struct request){paths_work, paths_answer, paths_destroy, {0}, NULL};
        p->job_id = job_id;
        p->fn = fn;
        p->ctx = ctx;
    }
    store_submit(store, (struct request *)p);
}

/* ---- changes that are answered without data ---- */

struct change_request {
    struct request request;
    int64_t id; // of the job or delivery
    int state;
    int64_t next_try_s;
    char *reason;
    struct store_object *objects; // of store_add_results
    size_t count;
    store_done_fn fn;
    void *ctx;
};

static void change_answer(struct request *request)
{
    struct change_request *c = (struct change_request *)request;
    if (c->fn)
        c->fn(c->ctx, &request->err);
}

static void change_destroy(struct request *request)
{
    struct change_request *c = (struct change_request *)request;
    for (size_t i = 0; i < c->count; i++) {
        unconst_free(c->objects[i].name);
        unconst_free(c->objects[i].path);
        unconst_free(c->objects[i].sop_uid);
        unconst_free(c->objects[i].sop_class);
    }
    free(c->objects);
    free(c->reason);
    free(c);
}

static struct change_request *
new_change(int (*work)(struct db *, struct request *, struct err *), int64_t id,
           int state, const char *reason, store_done_fn fn, void *ctx)
{
    struct change_request *c = calloc(1, sizeof(*c));
    if (!c)
        abort(); // as loop_post
    c->request = (struct request){work, change_answer, change_destroy, {0}, NULL};
    c->id = id;
    c->state = state;
    c->reason = sql_copy(reason);
    c->fn = fn;
    c->ctx = ctx;
    return c;
}

static int set_job(struct db *db, int64_t id, const char *state, const char *reason,
                   struct err *err)
{
    return sql_run(db,
                   sql(db, err,
                       "UPDATE job SET state = ?1, reason = ?2, changed_s = ?3,"
                       " attempts = attempts + (?1 = 'running') WHERE id = ?4",
                       "ttii", state, reason, clock_wall_s(), id),
                   err);
}

static int job_work(struct db *db, struct request *request, struct err *err)
{
    const struct change_request *c = (struct change_request *)request;
    return set_job(db, c->id, job_state_name((enum job_state)c->state), c->reason, err);
}

void store_set_job(struct store *store, int64_t job_id, enum job_state state,
                   const char *reason, store_done_fn fn, void *ctx)
{
    store_submit(store,
                 &new_change(job_work, job_id, (int)state, reason, fn, ctx)->request);
}

static int insert_result(struct db *db, int64_t job, const struct store_object *object,
                         struct err *err)
{
    int r = sql_run(db,
                    sql(db, err,
                        "INSERT INTO result (job, name, path, sop_uid, sop_class) VALUES "
                        "(?, ?, ?, ?, ?)"
                        " ON CONFLICT DO NOTHING",
                        "itttt", job, object->name, object->path, object->sop_uid,
                        object->sop_class),
                    err);
    if (r < 0)
        return r;
    return sql_run(
        db,
        sql(db, err,
            "INSERT INTO delivery (result, destination, state, attempts, next_try_s, "
            "reason,"
            " changed_s) SELECT r.id, d.name, 'pending', 0, 0, '', ? FROM result r"
            " JOIN job_destination d ON d.job = r.job WHERE r.job = ? AND r.name = ?"
            " ON CONFLICT DO NOTHING",
            "iit", clock_wall_s(), job, object->name),
        err);
}

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

/* When nothing is pending any more, a sending job ends: failed if something is dead. */
static int settle_job(struct db *db, int64_t job, struct err *err)
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

static int results_work(struct db *db, struct request *request, struct err *err)
{
    const struct change_request *c = (struct change_request *)request;
    int r = sql_run(db,
                    sql(db, err,
                        "UPDATE job SET state = 'sending', end_state = ?, reason = ?,"
                        " changed_s = ? WHERE id = ?",
                        "ttii", job_state_name((enum job_state)c->state), c->reason,
                        clock_wall_s(), c->id),
                    err);
    for (size_t i = 0; r == 0 && i < c->count; i++)
        r = insert_result(db, c->id, &c->objects[i], err);
    return r == 0 ? settle_job(db, c->id, err) : r;
}

void store_add_results(struct store *store, int64_t job_id,
                       const struct store_object *objects, size_t count,
                       enum job_state end_state, const char *reason, store_done_fn fn,
                       void *ctx)
{
    struct change_request *c =
        new_change(results_work, job_id, (int)end_state, reason, fn, ctx);
    c->objects = calloc(count + 1, sizeof(*c->objects));
    if (!c->objects)
        abort();
    c->count = count;
    for (size_t i = 0; i < count; i++) {
        c->objects[i].name = sql_copy(objects[i].name);
        c->objects[i].path = sql_copy(objects[i].path);
        c->objects[i].sop_uid = sql_copy(objects[i].sop_uid);
        c->objects[i].sop_class = sql_copy(objects[i].sop_class);
    }
    store_submit(store, &c->request);
}

/* ---- deliveries ---- */

struct pending_request {
    struct request request;
    struct delivery_list list;
    void (*fn)(void *ctx, const struct err *err, const struct store_delivery *deliveries,
               size_t count);
    void *ctx;
};

static int pending_work(struct db *db, struct request *request, struct err *err)
{
    struct pending_request *p = (struct pending_request *)request;
    struct sqlite3_stmt *stmt = sql(
        db, err,
        "SELECT d.id, r.job, d.attempts, d.next_try_s, d.destination, r.path, d.reason"
        " FROM delivery d JOIN result r ON r.id = d.result JOIN job j ON j.id = r.job"
        " WHERE d.state = 'pending'"
        " ORDER BY d.destination, j.priority DESC, r.job, d.id LIMIT 10000",
        "");
    int r;
    while ((r = sql_step(db, stmt, err)) == 1) {
        struct store_delivery *d = delivery_list_add(&p->list);
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

static void pending_answer(struct request *request)
{
    struct pending_request *p = (struct pending_request *)request;
    p->fn(p->ctx, &request->err, p->list.items, p->list.count);
}

static void pending_destroy(struct request *request)
{
    struct pending_request *p = (struct pending_request *)request;
    for (size_t i = 0; i < p->list.count; i++) {
        unconst_free(p->list.items[i].destination);
        unconst_free(p->list.items[i].path);
        unconst_free(p->list.items[i].reason);
    }
    delivery_list_finish(&p->list);
    free(p);
}

void store_pending_deliveries(struct store *store,
                              void (*fn)(void *ctx, const struct err *err,
                                         const struct store_delivery *deliveries,
                                         size_t count),
                              void *ctx)
{
    struct pending_request *p = calloc(1, sizeof(*p));
    if (p) {
        p->request =
            (struct request){pending_work, pending_answer, pending_destroy, {0}, NULL};
        p->fn = fn;
        p->ctx = ctx;
    }
    store_submit(store, (struct request *)p);
}

static int delivery_work(struct db *db, struct request *request, struct err *err)
{
    const struct change_request *c = (struct change_request *)request;
    int r = sql_run(db,
                    sql(db, err,
                        "UPDATE delivery SET state = ?, attempts = attempts + 1,"
                        " next_try_s = ?, reason = ?, changed_s = ? WHERE id = ?",
                        "titii", delivery_state_name((enum delivery_state)c->state),
                        c->next_try_s, c->reason, clock_wall_s(), c->id),
                    err);
    int64_t job = 0;
    if (r == 0)
        r = sql_one(db,
                    sql(db, err,
                        "SELECT r.job FROM delivery d JOIN result r ON r.id = d.result"
                        " WHERE d.id = ?",
                        "i", c->id),
                    &job, err);
    return r == 0 ? settle_job(db, job, err) : r;
}

void store_set_delivery(struct store *store, int64_t delivery_id,
                        enum delivery_state state, int64_t next_try_s, const char *reason,
                        store_done_fn fn, void *ctx)
{
    struct change_request *c =
        new_change(delivery_work, delivery_id, (int)state, reason, fn, ctx);
    c->next_try_s = next_try_s;
    store_submit(store, &c->request);
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
        p->request =
            (struct request){replay_work, replay_answer, replay_destroy, {0}, NULL};
        p->job_id = job_id;
        p->fn = fn;
        p->ctx = ctx;
    }
    store_submit(store, (struct request *)p);
}
