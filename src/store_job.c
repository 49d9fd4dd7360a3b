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

static void queued_destroy(struct request *request)
{
    struct queued_request *q = (struct queued_request *)request;
    for (size_t i = 0; i < q->list.count; i++) {
        struct store_job *job = &q->list.items[i];
        sql_free(job->analysis);
        sql_free(job->rule);
        sql_free(job->uid_seed);
        sql_free(job->supersedes_seed);
        sql_free(job->series_ids);
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
        q->request = (struct request){queued_work, queued_answer, queued_destroy,
                                      {0},         NULL,          false};
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
        p->request =
            (struct request){paths_work, paths_answer, paths_destroy, {0}, NULL, false};
        p->job_id = job_id;
        p->fn = fn;
        p->ctx = ctx;
    }
    store_submit(store, (struct request *)p);
}

/* ---- changes that are answered without data ---- */

struct change_request {
    struct request request;
    int64_t id;
    int state;
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
        sql_free(c->objects[i].name);
        sql_free(c->objects[i].path);
        sql_free(c->objects[i].sop_uid);
        sql_free(c->objects[i].sop_class);
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
    c->request = (struct request){work, change_answer, change_destroy, {0}, NULL, false};
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
                       " attempts = attempts + (?1 = 'running') WHERE id = ?4"
                       " AND (?1 <> 'running' OR state = 'queued')",
                       "ttii", state, reason, clock_wall_s(), id),
                   err);
}

static int job_work(struct db *db, struct request *request, struct err *err)
{
    const struct change_request *c = (struct change_request *)request;
    const int r =
        set_job(db, c->id, job_state_name((enum job_state)c->state), c->reason, err);
    if (r == 0 && sql_changes(db) == 0)
        return err_set(err, ERR_NOTFOUND, "job %lld is not queued", (long long)c->id);
    return r;
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
    return r == 0 ? store_settle_job(db, c->id, err) : r;
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
