#include "src/jobs.h"

#include "base/err.h"
#include "base/file.h"
#include "base/js.h"
#include "base/log.h"
#include "base/msg.h"
#include "src/child.h"
#include "src/conf.h"
#include "src/event.h"
#include "src/loop.h"
#include "src/protocol.h"
#include "src/route.h"
#include "src/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WATCH_MS = 250,
    KICK_EACH = 20,
    RESTART_MS = 1000,
    OBJECTS_MAX = 128,
    OBJECT_PATH = 100
};

/* One worker process and the job that it has, if any. */
struct worker {
    struct jobs *jobs;
    struct child *child; // NULL: being restarted
    struct loop_timer *restart;
    bool is_busy;
    bool is_stale;   // is of an earlier configuration: ends when it is idle
    bool is_claimed; // the index has its job as running

    /* of the job */
    struct route route;
    int64_t id, created_s;
    int attempts; // before this one
    char *analysis, *uid_seed, *supersedes_seed;
    char stage[64];
    double fraction;
    int64_t deadline_ms; // of the loop's clock; 0: not at work
    struct msg ended;    // JOB_ENDED, between the worker and the filing of its results
};

struct jobs {
    struct loop *loop;
    const struct conf *conf;
    struct store *store;
    const char *const *child_arguments;
    void (*filed)(void *ctx);
    void *ctx;
    struct loop_timer *watch;
    unsigned watches;       // how often it has fired
    struct worker *workers; // [conf->workers]
    bool is_asking, is_asked_again, is_stopped;
};

/* ---- hops ---- */

static void claimed(void *ctx, const struct err *err)
{
    struct worker *w = ctx;
    w->is_claimed = err->code == 0;
    route_next(&w->route, err);
}

static void claim(void *job, const struct err *err)
{
    struct worker *w = job;
    (void)err;
    log_event(LOG_INFO, "job.start", "job=%lld analysis=%s attempt=%d", (long long)w->id,
              w->analysis, w->attempts + 1);
    store_set_job(w->jobs->store, w->id, JOB_RUNNING, "", claimed, w);
}

static void put_paths(struct worker *w, struct msg *msg, const char *const *paths,
                      size_t count)
{
    msg_put_u32(msg, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        char path[FILE_PATH];
        snprintf(path, sizeof(path), "%s/storage/%s", w->jobs->conf->state_dir, paths[i]);
        msg_put_text(msg, path);
    }
}

static void got_paths(void *ctx, const struct err *err, const char *const *paths,
                      size_t count)
{
    struct worker *w = ctx;
    if (err->code < 0) {
        route_next(&w->route, err);
        return;
    }
    char folder[FILE_PATH];
    snprintf(folder, sizeof(folder), "%s/results/%lld", w->jobs->conf->state_dir,
             (long long)w->id);
    struct msg msg;
    msg_init(&msg, RUN_JOB);
    msg_put_i64(&msg, w->id);
    msg_put_i64(&msg, w->created_s);
    msg_put_text(&msg, w->analysis);
    msg_put_text(&msg, w->uid_seed);
    msg_put_text(&msg, w->supersedes_seed ? w->supersedes_seed : "");
    msg_put_text(&msg, folder);
    put_paths(w, &msg, paths, count);

    struct err sent = {0};
    if (!w->child || child_send(w->child, &msg, -1, &sent) < 0)
        err_set(&sent, ERR_IO, "its worker has ended");
    msg_finish(&msg);
    w->deadline_ms = loop_now_ms(w->jobs->loop) + w->jobs->conf->job_timeout_s * 1000LL;
    if (sent.code < 0)
        route_next(&w->route, &sent);
    // else the worker's JOB_ENDED goes on
}

static void analyse(void *job, const struct err *err)
{
    struct worker *w = job;
    (void)err;
    store_job_paths(w->jobs->store, w->id, got_paths, w);
}

static void results_stored(void *ctx, const struct err *err)
{
    struct worker *w = ctx;
    w->jobs->filed(w->jobs->ctx);
    route_next(&w->route, err);
}

/* The objects of JOB_ENDED; their paths below results/ are made here: <job>/<name>.dcm. */
static bool read_objects(struct worker *w, uint32_t count, struct store_object *objects,
                         char (*paths)[OBJECT_PATH])
{
    for (uint32_t i = 0; i < count; i++) {
        const char *name = msg_get_text(&w->ended);
        if (strchr(name, '/')
            || snprintf(paths[i], OBJECT_PATH, "%lld/%s.dcm", (long long)w->id, name)
                   >= OBJECT_PATH)
            return false;
        objects[i].name = name;
        objects[i].path = paths[i];
        objects[i].sop_uid = msg_get_text(&w->ended);
        objects[i].sop_class = msg_get_text(&w->ended);
    }
    return !w->ended.is_bad;
}

static void file_results(void *job, const struct err *err)
{
    struct worker *w = job;
    (void)err;
    struct store_object objects[OBJECTS_MAX];
    char paths[OBJECTS_MAX][OBJECT_PATH];
    const char *reason = msg_get_text(&w->ended);
    const bool is_refused = msg_get_u32(&w->ended) != 0;
    const uint32_t count = msg_get_u32(&w->ended);
    if (count > OBJECTS_MAX || !read_objects(w, count, objects, paths)) {
        struct err bad = {0};
        err_set(&bad, ERR_FORMAT, "the worker's answer is broken");
        route_next(&w->route, &bad);
        return;
    }
    store_add_results(w->jobs->store, w->id, objects, count,
                      is_refused ? JOB_REFUSED : JOB_DONE, reason, results_stored, w);
}

/* Whether another try may go better: the machine's troubles, not the study's. */
static bool is_worth_retrying(const struct err *err)
{
    return err->code == ERR_IO || err->code == ERR_NOMEM || err->code == ERR_CANCELLED;
}

static void close_noted(void *ctx, const struct err *err)
{
    struct jobs *jobs = ctx;
    if (err->code < 0)
        log_event(LOG_ERROR, "job.note", "error=\"%s\"", err->text);
    jobs_kick(jobs);
}

static void renew_worker(struct worker *w)
{
    w->is_stale = false;
    child_destroy(w->child);
    w->child = NULL;
    loop_timer_start(w->restart, 0, 0);
}

static void release(struct worker *w)
{
    free(w->analysis);
    free(w->uid_seed);
    free(w->supersedes_seed);
    msg_finish(&w->ended);
    w->analysis = w->uid_seed = w->supersedes_seed = NULL;
    w->deadline_ms = 0;
    w->is_busy = w->is_claimed = false;
    if (w->is_stale)
        renew_worker(w);
}

static void close_job(void *job, const struct err *err)
{
    struct worker *w = job;
    struct jobs *jobs = w->jobs;
    const int64_t id = w->id;
    const bool is_ours = w->is_claimed;
    const bool is_again =
        is_worth_retrying(err) && w->attempts + 1 < jobs->conf->job_attempts_max;
    release(w);
    if (err->code == 0) {
        log_event(LOG_INFO, "job.filed", "job=%lld", (long long)id);
        jobs_kick(jobs);
        return;
    }
    if (!is_ours) { // superseded meanwhile, or the index is in trouble: looked at again
        log_event(LOG_WARN, "job.claim", "job=%lld error=\"%s\"", (long long)id,
                  err->text);
        return;
    }
    event_note(jobs->store, is_again ? LOG_WARN : LOG_ERROR,
               is_again ? "job.again" : "job.failed", "job=%lld error=\"%s\"",
               (long long)id, err->text);
    store_set_job(jobs->store, id, is_again ? JOB_QUEUED : JOB_FAILED, err->text,
                  close_noted, jobs);
}

// The whole orchestration of a job. Its deliveries are deliver.c's.
static const struct hop JOB_ROUTE[] = {
    {ON_STORE, "claim", claim},       // queued -> running, an attempt more
    {ON_WORKER, "analyse", analyse},  // a worker reads, analyses, writes the objects
    {ON_STORE, "file", file_results}, // running -> sending, with its deliveries
    {ON_LOOP, "close", close_job},    // or, after a failure: queued again, or failed
    {NOWHERE, "closed", NULL},
};

/* ---- workers ---- */

static void progress(struct worker *w, struct msg *msg)
{
    snprintf(w->stage, sizeof(w->stage), "%s", msg_get_text(msg));
    w->fraction = msg_get_f64(msg);
}

static void job_ended(struct worker *w, struct msg *msg)
{
    struct err err = {0};
    const uint32_t code = msg_get_u32(msg);
    w->deadline_ms = 0;
    if (code != 0)
        err_set(&err, (enum err_code)(-(int)code), "%s", msg_get_text(msg));
    w->ended = *msg; // its data is taken over
    *msg = (struct msg){0};
    route_next(&w->route, &err);
}

static void message(void *ctx, struct child *child, struct msg *msg)
{
    struct worker *w = ctx;
    (void)child;
    if (msg->type == JOB_PROGRESS && w->is_busy)
        progress(w, msg);
    else if (msg->type == JOB_ENDED && w->deadline_ms != 0)
        job_ended(w, msg);
}

static void end_worker(struct worker *w, const char *why)
{
    const bool had_job = w->deadline_ms != 0;
    child_destroy(w->child);
    w->child = NULL;
    w->deadline_ms = 0;
    loop_timer_start(w->restart, RESTART_MS, 0);
    if (!had_job)
        return; // its job, if any, waits for the store: that goes on
    struct err err = {0};
    err_set(&err, ERR_IO, "%s", why);
    route_next(&w->route, &err);
}

static void ended(void *ctx, struct child *child, const char *how)
{
    struct worker *w = ctx;
    char why[100];
    (void)child;
    snprintf(why, sizeof(why), "its worker ended: %s", how);
    event_note(w->jobs->store, LOG_WARN, "worker.ended", "job=%lld how=\"%s\"",
               (long long)(w->deadline_ms ? w->id : 0), how);
    end_worker(w, why);
}

static void warm(void *ctx)
{
    struct worker *w = ctx;
    const struct child_hooks hooks = {message, ended, w};
    struct err err = {0};
    if (child_create(w->jobs->loop, "worker", w->jobs->child_arguments, &hooks, &w->child,
                     &err)
        < 0) {
        log_event(LOG_ERROR, "worker.start", "error=\"%s\"", err.text);
        loop_timer_start(w->restart, RESTART_MS, 0);
        return;
    }
    jobs_kick(w->jobs);
}

/* Time and memory of the jobs that run. */
static void watch(void *ctx)
{
    struct jobs *jobs = ctx;
    for (int i = 0; i < jobs->conf->workers; i++) {
        struct worker *w = &jobs->workers[i];
        if (w->deadline_ms == 0 || !w->child)
            continue;
        char why[120] = "";
        if (loop_now_ms(jobs->loop) > w->deadline_ms)
            snprintf(why, sizeof(why), "it took longer than %d s",
                     jobs->conf->job_timeout_s);
        else if (child_resident_bytes(w->child) > jobs->conf->job_memory_max_bytes)
            snprintf(why, sizeof(why), "it took more memory than %lld bytes",
                     (long long)jobs->conf->job_memory_max_bytes);
        if (why[0])
            end_worker(w, why);
    }
    if (++jobs->watches % KICK_EACH == 0)
        jobs_kick(jobs); // for a job whose claim failed
}

void jobs_renew(struct jobs *jobs)
{
    for (int i = 0; i < jobs->conf->workers; i++) {
        struct worker *w = &jobs->workers[i];
        if (w->is_busy)
            w->is_stale = true;
        else if (w->child)
            renew_worker(w);
    }
}

/* ---- queue ---- */

static struct worker *idle_worker(struct jobs *jobs)
{
    for (int i = 0; i < jobs->conf->workers; i++) {
        if (jobs->workers[i].child && !jobs->workers[i].is_busy)
            return &jobs->workers[i];
    }
    return NULL;
}

static char *copy(const char *text)
{
    char *out = text ? strdup(text) : NULL;
    if (text && !out)
        abort(); // as loop_post
    return out;
}

static bool is_running(const struct jobs *jobs, int64_t id)
{
    for (int i = 0; i < jobs->conf->workers; i++) {
        if (jobs->workers[i].is_busy && jobs->workers[i].id == id)
            return true;
    }
    return false;
}

static void got_queued(void *ctx, const struct err *err, const struct store_job *list,
                       size_t count)
{
    struct jobs *jobs = ctx;
    jobs->is_asking = false;
    if (err->code < 0)
        log_event(LOG_ERROR, "job.queue", "error=\"%s\"", err->text);
    for (size_t i = 0; i < count && !jobs->is_stopped; i++) {
        struct worker *w = idle_worker(jobs);
        if (!w)
            break;
        if (is_running(jobs, list[i].id))
            continue; // its claim was on its way when we asked
        w->is_busy = true;
        w->id = list[i].id;
        w->created_s = list[i].created_s;
        w->attempts = list[i].attempts;
        w->analysis = copy(list[i].analysis);
        w->uid_seed = copy(list[i].uid_seed);
        w->supersedes_seed = copy(list[i].supersedes_seed);
        snprintf(w->stage, sizeof(w->stage), "waiting");
        w->fraction = 0.0;
        route_start(&w->route, JOB_ROUTE, w);
    }
    if (jobs->is_asked_again)
        jobs_kick(jobs);
}

void jobs_kick(struct jobs *jobs)
{
    if (jobs->is_stopped || !idle_worker(jobs))
        return; // a worker that gets idle kicks
    jobs->is_asked_again = jobs->is_asking;
    if (jobs->is_asking)
        return;
    jobs->is_asking = true;
    store_queued_jobs(jobs->store, got_queued, jobs);
}

/* ---- life ---- */

int jobs_create(struct loop *loop, const struct conf *conf, struct store *store,
                const char *const *child_arguments, void (*filed)(void *ctx), void *ctx,
                struct jobs **ret, struct err *err)
{
    auto_(jobs) struct jobs *jobs = calloc(1, sizeof(*jobs));
    if (!jobs)
        return err_set(err, ERR_NOMEM, "the workers");
    jobs->conf = conf;
    jobs->workers = calloc((size_t)conf->workers, sizeof(*jobs->workers));
    if (!jobs->workers)
        return err_set(err, ERR_NOMEM, "the workers");
    jobs->loop = loop;
    jobs->store = store;
    jobs->child_arguments = child_arguments;
    jobs->filed = filed;
    jobs->ctx = ctx;

    int r = loop_timer_create(loop, watch, jobs, &jobs->watch, err);
    for (int i = 0; r == 0 && i < conf->workers; i++) {
        jobs->workers[i].jobs = jobs;
        r = loop_timer_create(loop, warm, &jobs->workers[i], &jobs->workers[i].restart,
                              err);
    }
    if (r < 0)
        return r;
    loop_timer_start(jobs->watch, WATCH_MS, WATCH_MS);
    for (int i = 0; i < conf->workers; i++)
        warm(&jobs->workers[i]);
    *ret = take(jobs);
    return 0;
}

void jobs_destroy(struct jobs *jobs)
{
    if (!jobs)
        return;
    for (int i = 0; jobs->workers && i < jobs->conf->workers; i++) {
        child_destroy(jobs->workers[i].child);
        loop_timer_destroy(jobs->workers[i].restart);
        if (jobs->workers[i].is_busy)
            release(&jobs->workers[i]);
    }
    loop_timer_destroy(jobs->watch);
    free(jobs->workers);
    free(jobs);
}

void jobs_stop(struct jobs *jobs)
{
    jobs->is_stopped = true;
}

bool jobs_are_busy(const struct jobs *jobs)
{
    for (int i = 0; i < jobs->conf->workers; i++) {
        if (jobs->workers[i].is_busy)
            return true;
    }
    return false;
}

struct js *jobs_progress(const struct jobs *jobs)
{
    struct js *list = js_array();
    for (int i = 0; i < jobs->conf->workers; i++) {
        const struct worker *w = &jobs->workers[i];
        if (!w->is_busy)
            continue;
        struct js *js = js_object();
        js_set_int(js, "job", w->id);
        js_set_int(js, "worker", i);
        js_set_string(js, "hop", route_name(&w->route));
        js_set_string(js, "stage", w->stage);
        js_set_real(js, "fraction", w->fraction);
        js_add(list, js);
    }
    return list;
}
