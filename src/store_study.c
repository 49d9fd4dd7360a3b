/* store_study: studies of the index, and closing them with their jobs. */
#include "base/clock.h"
#include "base/list.h"
#include "src/places.h"
#include "src/store_sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LIST_DEFINE(study_list, struct store_study)
LIST_DEFINE(series_list, struct series_facts)

static void copy_text(char *ret, size_t size, const char *text)
{
    snprintf(ret, size, "%s", text);
}
#define COPY(field, text) copy_text(field, sizeof(field), text)

/* ---- open studies ---- */

struct open_request {
    struct request request;
    struct study_list list;
    void (*fn)(void *ctx, const struct err *err, const struct store_study *studies,
               size_t count);
    void *ctx;
};

static int open_work(struct db *db, struct request *request, struct err *err)
{
    struct open_request *open = (struct open_request *)request;
    struct sqlite3_stmt *stmt =
        sql(db, err,
            "SELECT id, first_s, last_s, instances, calling_ae FROM study"
            " WHERE state = 'open' ORDER BY id",
            "");
    int r;
    while ((r = sql_step(db, stmt, err)) == 1) {
        struct store_study *study = study_list_add(&open->list);
        if (!study)
            return err_set(err, ERR_NOMEM, "open studies");
        study->id = sql_int(stmt, 0);
        study->first_s = sql_int(stmt, 1);
        study->last_s = sql_int(stmt, 2);
        study->instances = sql_int(stmt, 3);
        COPY(study->calling_ae, sql_text(stmt, 4));
    }
    return r;
}

static void open_answer(struct request *request)
{
    struct open_request *open = (struct open_request *)request;
    open->fn(open->ctx, &request->err, open->list.items, open->list.count);
}

static void open_destroy(struct request *request)
{
    struct open_request *open = (struct open_request *)request;
    study_list_finish(&open->list);
    free(open);
}

void store_open_studies(struct store *store,
                        void (*fn)(void *ctx, const struct err *err,
                                   const struct store_study *studies, size_t count),
                        void *ctx)
{
    struct open_request *open = calloc(1, sizeof(*open));
    if (open) {
        open->request =
            (struct request){open_work, open_answer, open_destroy, {0}, NULL, false};
        open->fn = fn;
        open->ctx = ctx;
    }
    store_submit(store, (struct request *)open);
}

/* ---- facts ---- */

struct facts_request {
    struct request request;
    int64_t study_id;
    struct study_facts facts;
    struct series_list series;
    void (*fn)(void *ctx, const struct err *err, const struct study_facts *study);
    void *ctx;
};

static int read_places(struct db *db, int64_t series, struct place_list *places,
                       struct err *err)
{
    struct sqlite3_stmt *stmt =
        sql(db, err,
            "SELECT DISTINCT position, coalesce(last_position, position), positions"
            " FROM instance WHERE series = ? AND position IS NOT NULL",
            "i", series);
    int r;
    while ((r = sql_step(db, stmt, err)) == 1) {
        const struct stack_facts stack = {
            .positions = (int)sql_int(stmt, 2),
            .first_mm = (double)sql_int(stmt, 0) / 100.0,
            .last_mm = (double)sql_int(stmt, 1) / 100.0,
        };
        r = places_add(places, &stack, err);
        if (r < 0) {
            sql_reset(stmt);
            return r;
        }
    }
    return r;
}

static int add_positions(struct db *db, struct series_facts *series, struct err *err)
{
    struct place_list places = {0};
    const int r = read_places(db, series->id, &places, err);
    if (r == 0)
        places_tell(&places, series);
    place_list_finish(&places);
    return r;
}

static int add_series(struct db *db, struct facts_request *facts, struct err *err)
{
    struct sqlite3_stmt *stmt =
        sql(db, err,
            "SELECT s.id, s.uid, s.frame_of_reference, s.sop_class, s.modality,"
            " s.body_part, s.description, s.protocol, s.contrast_agent, s.image_type,"
            " s.manufacturer, s.number, s.matrix_rows, s.matrix_columns, s.thickness_mm,"
            " s.orientation,"
            " (SELECT coalesce(sum(i.frames), 0) FROM instance i"
            "  WHERE i.series = s.id AND i.is_image)"
            " FROM series s WHERE s.study = ? ORDER BY s.number, s.id",
            "i", facts->study_id);
    int r;
    while ((r = sql_step(db, stmt, err)) == 1) {
        struct series_facts *s = series_list_add(&facts->series);
        if (!s)
            return err_set(err, ERR_NOMEM, "series of a study");
        s->id = sql_int(stmt, 0);
        COPY(s->uid, sql_text(stmt, 1));
        COPY(s->frame_of_reference_uid, sql_text(stmt, 2));
        COPY(s->sop_class, sql_text(stmt, 3));
        COPY(s->modality, sql_text(stmt, 4));
        COPY(s->body_part, sql_text(stmt, 5));
        COPY(s->description, sql_text(stmt, 6));
        COPY(s->protocol, sql_text(stmt, 7));
        COPY(s->contrast_agent, sql_text(stmt, 8));
        COPY(s->image_type, sql_text(stmt, 9));
        COPY(s->manufacturer, sql_text(stmt, 10));
        s->number = (int)sql_int(stmt, 11);
        s->rows = (int)sql_int(stmt, 12);
        s->columns = (int)sql_int(stmt, 13);
        s->thickness_mm = sql_real(stmt, 14);
        double *o = s->orientation;
        if (sscanf(sql_text(stmt, 15), "%lf %lf %lf %lf %lf %lf", o, o + 1, o + 2, o + 3,
                   o + 4, o + 5)
            != 6)
            memset(o, 0, sizeof(s->orientation));
        s->frames = (int)sql_int(stmt, 16);
    }
    return r;
}

static int facts_work(struct db *db, struct request *request, struct err *err)
{
    struct facts_request *facts = (struct facts_request *)request;
    struct sqlite3_stmt *stmt =
        sql(db, err, "SELECT uid, description, calling_ae FROM study WHERE id = ?", "i",
            facts->study_id);
    int r = sql_step(db, stmt, err);
    if (r <= 0)
        return r < 0 ? r
                     : err_set(err, ERR_NOTFOUND, "no study %lld",
                               (long long)facts->study_id);
    facts->facts.id = facts->study_id;
    COPY(facts->facts.uid, sql_text(stmt, 0));
    COPY(facts->facts.description, sql_text(stmt, 1));
    COPY(facts->facts.calling_ae, sql_text(stmt, 2));
    sql_reset(stmt);

    r = add_series(db, facts, err);
    for (size_t i = 0; r == 0 && i < facts->series.count; i++)
        r = add_positions(db, &facts->series.items[i], err);
    facts->facts.series = facts->series.items;
    facts->facts.series_count = facts->series.count;
    return r;
}

static void facts_answer(struct request *request)
{
    struct facts_request *facts = (struct facts_request *)request;
    facts->fn(facts->ctx, &request->err, &facts->facts);
}

static void facts_destroy(struct request *request)
{
    struct facts_request *facts = (struct facts_request *)request;
    series_list_finish(&facts->series);
    free(facts);
}

void store_study_facts(struct store *store, int64_t study_id,
                       void (*fn)(void *ctx, const struct err *err,
                                  const struct study_facts *study),
                       void *ctx)
{
    struct facts_request *facts = calloc(1, sizeof(*facts));
    if (facts) {
        facts->request =
            (struct request){facts_work, facts_answer, facts_destroy, {0}, NULL, false};
        facts->study_id = study_id;
        facts->fn = fn;
        facts->ctx = ctx;
    }
    store_submit(store, (struct request *)facts);
}

/* ---- closing ---- */

struct new_job {
    char *analysis, *rule, *reason, *uid_seed;
    int64_t *series_ids;
    size_t series_count;
    char **destinations;
    size_t destination_count;
    int priority;
};

struct close_request {
    struct request request;
    int64_t study_id;
    struct new_job *jobs;
    size_t count;
    char *note;
    store_done_fn fn;
    void *ctx;
};

static int count_instances(struct db *db, const struct new_job *job, int64_t *ret,
                           struct err *err)
{
    *ret = 0;
    int r = 0;
    for (size_t i = 0; r == 0 && i < job->series_count; i++) {
        int64_t n = 0;
        r = sql_one(db,
                    sql(db, err, "SELECT count(*) FROM instance WHERE series = ?", "i",
                        job->series_ids[i]),
                    &n, err);
        *ret += n;
    }
    return r;
}

/* The newest job of the same analysis over the study, and its instances. 1 found, 0 none. */
static int find_older(struct db *db, int64_t study, const struct new_job *job,
                      int64_t *ret_id, int64_t *ret_instances, struct err *err)
{
    int64_t first = job->series_ids[0];
    for (size_t i = 1; i < job->series_count; i++)
        first = job->series_ids[i] < first ? job->series_ids[i] : first;

    struct sqlite3_stmt *stmt =
        sql(db, err,
            "SELECT id, instances FROM job WHERE study = ? AND analysis = ?"
            " AND (SELECT min(series) FROM job_series WHERE job = job.id) = ?"
            " ORDER BY id DESC LIMIT 1",
            "iti", study, job->analysis, first);
    const int r = sql_step(db, stmt, err);
    if (r == 1) {
        *ret_id = sql_int(stmt, 0);
        *ret_instances = sql_int(stmt, 1);
        sql_reset(stmt);
    }
    return r;
}

static int insert_links(struct db *db, int64_t id, const struct new_job *job,
                        struct err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < job->series_count; i++)
        r = sql_run(db,
                    sql(db, err, "INSERT INTO job_series (job, series) VALUES (?, ?)",
                        "ii", id, job->series_ids[i]),
                    err);
    for (size_t i = 0; r == 0 && i < job->destination_count; i++)
        r = sql_run(db,
                    sql(db, err,
                        "INSERT OR IGNORE INTO job_destination (job, name) VALUES (?, ?)",
                        "it", id, job->destinations[i]),
                    err);
    return r;
}

static int insert_job(struct db *db, int64_t study, const struct new_job *job,
                      int64_t instances, int64_t older, struct err *err)
{
    const int64_t now_s = clock_wall_s();
    int r = sql_run(
        db,
        sql(db, err,
            "INSERT INTO job (study, analysis, rule, state, end_state, reason, priority,"
            " attempts, uid_seed, supersedes, instances, created_s, changed_s)"
            " VALUES (?, ?, ?, 'queued', 'done', ?, ?, 0, ?, nullif(?, 0), ?, ?, ?)",
            "itttitiiii", study, job->analysis, job->rule, job->reason,
            (int64_t)job->priority, job->uid_seed, older, instances, now_s, now_s),
        err);
    if (r < 0)
        return r;
    r = insert_links(db, sql_last_id(db), job, err);
    if (r == 0 && older != 0)
        r = sql_run(db,
                    sql(db, err,
                        "UPDATE job SET state = 'superseded', changed_s = ?"
                        " WHERE id = ? AND state = 'queued'",
                        "ii", now_s, older),
                    err);
    return r;
}

static int make_job(struct db *db, int64_t study, const struct new_job *job,
                    struct err *err)
{
    int64_t instances, older = 0, older_instances = 0;
    int r = count_instances(db, job, &instances, err);
    if (r < 0)
        return r;
    r = find_older(db, study, job, &older, &older_instances, err);
    if (r < 0)
        return r;
    if (r == 1 && older_instances == instances)
        return 0; // this has been asked for already
    return insert_job(db, study, job, instances, r == 1 ? older : 0, err);
}

static int close_work(struct db *db, struct request *request, struct err *err)
{
    struct close_request *c = (struct close_request *)request;
    int r =
        sql_run(db,
                sql(db, err, "UPDATE study SET state = 'closed', note = ? WHERE id = ?",
                    "ti", c->note, c->study_id),
                err);
    for (size_t i = 0; r == 0 && i < c->count; i++)
        r = make_job(db, c->study_id, &c->jobs[i], err);
    return r;
}

static void close_answer(struct request *request)
{
    struct close_request *c = (struct close_request *)request;
    c->fn(c->ctx, &request->err);
}

static void close_destroy(struct request *request)
{
    struct close_request *c = (struct close_request *)request;
    for (size_t i = 0; i < c->count; i++) {
        struct new_job *job = &c->jobs[i];
        for (size_t k = 0; k < job->destination_count; k++)
            free(job->destinations[k]);
        free(job->destinations);
        free(job->series_ids);
        free(job->analysis);
        free(job->rule);
        free(job->reason);
        free(job->uid_seed);
    }
    free(c->jobs);
    free(c->note);
    free(c);
}

static void *must(void *memory)
{
    if (!memory)
        abort(); // as loop_post
    return memory;
}

static void copy_job(struct new_job *to, const struct store_new_job *from)
{
    to->analysis = sql_copy(from->analysis);
    to->rule = sql_copy(from->rule);
    to->reason = sql_copy(from->reason);
    to->uid_seed = sql_copy(from->uid_seed);
    to->priority = from->priority;
    to->series_count = from->series_count;
    to->series_ids = must(calloc(from->series_count + 1, sizeof(*to->series_ids)));
    memcpy(to->series_ids, from->series_ids,
           from->series_count * sizeof(*to->series_ids));
    to->destination_count = from->destination_count;
    to->destinations =
        must(calloc(from->destination_count + 1, sizeof(*to->destinations)));
    for (size_t i = 0; i < from->destination_count; i++)
        to->destinations[i] = sql_copy(from->destinations[i]);
}

void store_close_study(struct store *store, int64_t study_id,
                       const struct store_new_job *jobs, size_t count, const char *note,
                       store_done_fn fn, void *ctx)
{
    struct close_request *c = must(calloc(1, sizeof(*c)));
    c->request =
        (struct request){close_work, close_answer, close_destroy, {0}, NULL, false};
    c->study_id = study_id;
    c->note = sql_copy(note);
    c->jobs = must(calloc(count + 1, sizeof(*c->jobs)));
    c->count = count;
    for (size_t i = 0; i < count; i++)
        copy_job(&c->jobs[i], &jobs[i]);
    c->fn = fn;
    c->ctx = ctx;
    store_submit(store, &c->request);
}
