/* store_instance: instances and events of the index. */
#include "base/clock.h"
#include "src/store_sql.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct add_request {
    struct request request;
    struct instance_facts facts;
    char *path;
    int64_t size_bytes;
    char calling_ae[FACTS_CODE];
    struct store_added added;
    void (*fn)(void *ctx, const struct err *err, const struct store_added *added);
    void *ctx;
};

static int patient_id(struct db *db, const struct patient_facts *p, int64_t *ret,
                      struct err *err)
{
    int r = sql_run(db,
                    sql(db, err,
                        "INSERT INTO patient (patient_id, issuer, name, birth_date, sex)"
                        " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                        "ttttt", p->id, p->issuer, p->name, p->birth_date, p->sex),
                    err);
    if (r < 0)
        return r;
    return sql_one(db,
                   sql(db, err,
                       "SELECT id FROM patient WHERE patient_id = ? AND issuer = ?", "tt",
                       p->id, p->issuer),
                   ret, err);
}

static int study_id(struct db *db, const struct instance_facts *f, int64_t now_s,
                    int64_t *ret, struct err *err)
{
    int64_t patient;
    int r = patient_id(db, &f->patient, &patient, err);
    if (r < 0)
        return r;
    r = sql_run(
        db,
        sql(db, err,
            "INSERT INTO study (uid, patient, state, description, study_date,"
            " accession, calling_ae, first_s, last_s, instances, note)"
            " VALUES (?, ?, 'open', ?, ?, ?, '', ?, ?, 0, '') ON CONFLICT DO NOTHING",
            "titttii", f->study_uid, patient, f->study_description, f->study_date,
            f->accession, now_s, now_s),
        err);
    if (r < 0)
        return r;
    return sql_one(db,
                   sql(db, err, "SELECT id FROM study WHERE uid = ?", "t", f->study_uid),
                   ret, err);
}

static int new_series(struct db *db, const struct instance_facts *f, int64_t study,
                      int64_t *ret, struct err *err)
{
    char orientation[160] = "";
    const double *o = f->plane.orientation;
    if (f->plane.is_valid)
        snprintf(orientation, sizeof(orientation), "%.6f %.6f %.6f %.6f %.6f %.6f", o[0],
                 o[1], o[2], o[3], o[4], o[5]);

    int r = sql_run(
        db,
        sql(db, err,
            "INSERT INTO series (uid, study, number, modality, body_part, description,"
            " protocol, contrast_agent, image_type, manufacturer, sop_class,"
            " frame_of_reference, matrix_rows, matrix_columns, thickness_mm, orientation)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            "tiitttttttttiidt", f->series_uid, study, (int64_t)f->series_number,
            f->modality, f->body_part, f->series_description, f->protocol,
            f->contrast_agent, f->image_type, f->manufacturer, f->sop_class,
            f->frame_of_reference_uid, (int64_t)f->pixels.rows,
            (int64_t)f->pixels.columns, f->plane.thickness_mm, orientation),
        err);
    if (r < 0)
        return r;
    *ret = sql_last_id(db);
    return 0;
}

/* Rows of a study or series that are not there yet. */
static int make_place(struct db *db, struct add_request *add, int64_t now_s,
                      struct err *err)
{
    const struct instance_facts *f = &add->facts;
    int r = study_id(db, f, now_s, &add->added.study_id, err);
    if (r < 0)
        return r;
    r = sql_one(db,
                sql(db, err, "SELECT id FROM series WHERE study = ? AND uid = ?", "it",
                    add->added.study_id, f->series_uid),
                &add->added.series_id, err);
    if (r == ERR_NOTFOUND)
        r = new_series(db, f, add->added.study_id, &add->added.series_id, err);
    return r;
}

/* The rows of its study and series, made if they are not there. They are there but for the
 * first image: one question, then. */
static int place(struct db *db, struct add_request *add, int64_t now_s, struct err *err)
{
    struct sqlite3_stmt *stmt =
        sql(db, err,
            "SELECT t.id, s.id FROM study t JOIN series s ON s.study = t.id"
            " WHERE t.uid = ? AND s.uid = ?",
            "tt", add->facts.study_uid, add->facts.series_uid);
    const int r = sql_step(db, stmt, err);
    if (r <= 0)
        return r < 0 ? r : make_place(db, add, now_s, err);
    add->added.study_id = sql_int(stmt, 0);
    add->added.series_id = sql_int(stmt, 1);
    sql_reset(stmt);
    return 0;
}

/* In 0.01 mm. */
static int64_t position_of(double mm)
{
    return llround(fmax(-1e6, fmin(1e6, mm)) * 100.0);
}

static int insert_instance(struct db *db, struct add_request *add, struct err *err)
{
    const struct instance_facts *f = &add->facts;
    const struct stack_facts *stack = &f->stack;
    const bool has_place = stack->positions > 0;
    const int64_t frames = f->pixels.rows == 0 ? 0
                           : has_place         ? stack->frames
                                               : f->pixels.frames;
    struct sqlite3_stmt *stmt =
        has_place
            ? sql(db, err,
                  "INSERT INTO instance (uid, series, sop_class, path, size_bytes,"
                  " is_image, frames, positions, position, last_position)"
                  " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                  "tittiiiiii", f->sop_uid, add->added.series_id, f->sop_class, add->path,
                  add->size_bytes, (int64_t)(f->pixels.rows > 0), frames,
                  (int64_t)stack->positions, position_of(stack->first_mm),
                  position_of(stack->last_mm))
            : sql(db, err,
                  "INSERT INTO instance (uid, series, sop_class, path, size_bytes,"
                  " is_image, frames) VALUES (?, ?, ?, ?, ?, ?, ?)",
                  "tittiii", f->sop_uid, add->added.series_id, f->sop_class, add->path,
                  add->size_bytes, (int64_t)(f->pixels.rows > 0), frames);
    return sql_run(db, stmt, err);
}

/* Already there: say where, change nothing. */
static int find_duplicate(struct db *db, struct add_request *add, struct err *err)
{
    struct sqlite3_stmt *stmt =
        sql(db, err,
            "SELECT s.id, s.study FROM instance i JOIN series s ON s.id = i.series"
            " WHERE i.uid = ?",
            "t", add->facts.sop_uid);
    int r = sql_step(db, stmt, err);
    if (r == 1) {
        add->added.series_id = sql_int(stmt, 0);
        add->added.study_id = sql_int(stmt, 1);
        add->added.is_duplicate = true;
        sql_reset(stmt);
    }
    return r;
}

/* The study has one more. One that was closed is open again: its time until it must close
 * starts anew. */
static int count_in(struct db *db, struct add_request *add, int64_t now_s,
                    struct err *err)
{
    int r = sql_run(db,
                    sql(db, err,
                        "UPDATE study SET last_s = ?, instances = instances + 1,"
                        " calling_ae = ? WHERE id = ? AND state = 'open'",
                        "iti", now_s, add->calling_ae, add->added.study_id),
                    err);
    if (r < 0 || sql_changes(db) > 0)
        return r;
    r = sql_run(db,
                sql(db, err,
                    "UPDATE study SET state = 'open', first_s = ?, last_s = ?,"
                    " instances = instances + 1, calling_ae = ? WHERE id = ?",
                    "iiti", now_s, now_s, add->calling_ae, add->added.study_id),
                err);
    add->added.is_reopened = r == 0;
    return r;
}

static int add_work(struct db *db, struct request *request, struct err *err)
{
    struct add_request *add = (struct add_request *)request;
    add->added = (struct store_added){0};
    int r = find_duplicate(db, add, err);
    if (r != 0)
        return r < 0 ? r : 0;

    const int64_t now_s = clock_wall_s();
    r = place(db, add, now_s, err);
    if (r == 0)
        r = insert_instance(db, add, err);
    return r == 0 ? count_in(db, add, now_s, err) : r;
}

static void add_answer(struct request *request)
{
    struct add_request *add = (struct add_request *)request;
    add->fn(add->ctx, &request->err, &add->added);
}

static void add_destroy(struct request *request)
{
    struct add_request *add = (struct add_request *)request;
    free(add->path);
    free(add);
}

void store_add_instance(struct store *store, const struct instance_facts *facts,
                        const char *path, int64_t size_bytes, const char *calling_ae,
                        void (*fn)(void *ctx, const struct err *err,
                                   const struct store_added *added),
                        void *ctx)
{
    struct add_request *add = calloc(1, sizeof(*add));
    if (add) {
        add->request =
            (struct request){add_work, add_answer, add_destroy, {0}, NULL, true};
        add->facts = *facts;
        add->path = sql_copy(path);
        add->size_bytes = size_bytes;
        snprintf(add->calling_ae, sizeof(add->calling_ae), "%s", calling_ae);
        add->fn = fn;
        add->ctx = ctx;
    }
    store_submit(store, (struct request *)add);
}

/* ---- what is held ---- */

struct look_request {
    struct request request;
    struct store_held *list;
    size_t count;
    void (*fn)(void *ctx, const struct err *err, const struct store_held *list,
               size_t count);
    void *ctx;
};

static int look_work(struct db *db, struct request *request, struct err *err)
{
    struct look_request *look = (struct look_request *)request;
    int r = 0;
    for (size_t i = 0; i < look->count && r >= 0; i++) {
        struct store_held *held = &look->list[i];
        struct sqlite3_stmt *stmt = sql(
            db, err, "SELECT sop_class FROM instance WHERE uid = ?", "t", held->sop_uid);
        r = sql_step(db, stmt, err);
        held->is_held = r == 1;
        held->is_other_class = r == 1 && strcmp(sql_text(stmt, 0), held->sop_class) != 0;
        if (r == 1)
            sql_reset(stmt);
    }
    return r < 0 ? r : 0;
}

static void look_answer(struct request *request)
{
    struct look_request *look = (struct look_request *)request;
    look->fn(look->ctx, &request->err, look->list, look->count);
}

static void look_destroy(struct request *request)
{
    struct look_request *look = (struct look_request *)request;
    free(look->list);
    free(look);
}

void store_look_for(struct store *store, const struct store_held *list, size_t count,
                    void (*fn)(void *ctx, const struct err *err,
                               const struct store_held *list, size_t count),
                    void *ctx)
{
    struct look_request *look = calloc(1, sizeof(*look));
    struct store_held *copy = malloc((count + 1) * sizeof(*copy));
    if (!look || !copy)
        abort(); // as sql_copy
    // It changes nothing; an instance is held by its file, which was synced before its row.
    look->request =
        (struct request){look_work, look_answer, look_destroy, {0}, NULL, true};
    memcpy(copy, list, count * sizeof(*copy));
    look->list = copy;
    look->count = count;
    look->fn = fn;
    look->ctx = ctx;
    store_submit(store, (struct request *)look);
}

/* ---- events ---- */

enum { EVENTS_KEPT = 10000 };

struct event_request {
    struct request request;
    char *what, *text;
};

static int event_work(struct db *db, struct request *request, struct err *err)
{
    const struct event_request *event = (struct event_request *)request;
    int r = sql_run(db,
                    sql(db, err, "INSERT INTO event (at_s, what, text) VALUES (?, ?, ?)",
                        "itt", clock_wall_s(), event->what, event->text),
                    err);
    if (r == 0)
        r = sql_run(db,
                    sql(db, err, "DELETE FROM event WHERE id <= ?", "i",
                        sql_last_id(db) - EVENTS_KEPT),
                    err);
    return r;
}

static void event_answer(struct request *request)
{
    (void)request; // nobody waits for an event
}

static void event_destroy(struct request *request)
{
    struct event_request *event = (struct event_request *)request;
    free(event->what);
    free(event->text);
    free(event);
}

void store_event(struct store *store, const char *what, const char *text)
{
    struct event_request *event = calloc(1, sizeof(*event));
    if (event) {
        event->request =
            (struct request){event_work, event_answer, event_destroy, {0}, NULL, false};
        event->what = sql_copy(what);
        event->text = sql_copy(text);
    }
    store_submit(store, (struct request *)event);
}
