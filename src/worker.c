/*
 * worker: the child process that runs analyses, one job after the other.
 */
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/msg.h"
#include "src/analyse.h"
#include "src/child_main.h"
#include "src/conf.h"
#include "src/hooks.h"
#include "src/protocol.h"
#include "src/sandbox.h"
#include "src/threads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { PATHS_MAX = 200000 };

/* ---- what the node is told ---- */

static void progress(void *ctx, const char *stage, double fraction)
{
    (void)ctx;
    struct msg msg;
    msg_init(&msg, JOB_PROGRESS);
    msg_put_text(&msg, stage);
    msg_put_f64(&msg, fraction);
    msg_write(CHILD_FD, &msg, -1); // if the node is gone, so are we soon
    msg_finish(&msg);
}

static int tell_end(int code, const char *reason, const struct analyse_outcome *outcome)
{
    struct msg msg;
    msg_init(&msg, JOB_ENDED);
    msg_put_u32(&msg, (uint32_t)-code);
    msg_put_text(&msg, reason);
    msg_put_u32(&msg, outcome->status == RESULT_REFUSED);
    msg_put_u32(&msg, (uint32_t)outcome->count);
    for (size_t i = 0; i < outcome->count; i++) {
        const struct analyse_object *object = &outcome->objects[i];
        msg_put_text(&msg, object->name);
        msg_put_text(&msg, object->sop_uid);
        msg_put_text(&msg, object->sop_class);
    }
    const int r = msg_write(CHILD_FD, &msg, -1);
    msg_finish(&msg);
    return r;
}

/* ---- a job ---- */

struct job {
    int64_t id, created_s;
    const char *analysis, *uid_seed, *supersedes_seed, *folder;
    const char **paths;
    size_t count;
};

static int read_job(struct msg *msg, struct job *job, struct err *err)
{
    job->id = msg_get_i64(msg);
    job->created_s = msg_get_i64(msg);
    job->analysis = msg_get_text(msg);
    job->uid_seed = msg_get_text(msg);
    job->supersedes_seed = msg_get_text(msg);
    job->folder = msg_get_text(msg);
    job->count = msg_get_u32(msg);
    if (msg->is_bad || job->count > PATHS_MAX)
        return err_set(err, ERR_LIMIT, "a job of %zu instances", job->count);
    job->paths = calloc(job->count + 1, sizeof(*job->paths));
    if (!job->paths)
        return err_set(err, ERR_NOMEM, "a job of %zu instances", job->count);
    for (size_t i = 0; i < job->count; i++)
        job->paths[i] = msg_get_text(msg);
    return msg->is_bad ? err_set(err, ERR_FORMAT, "a broken order") : 0;
}

static int run_job(const struct conf *conf, const struct job *job,
                   struct analyse_outcome *ret, struct err *err)
{
    const struct conf_analysis *analysis = conf_analysis(conf, job->analysis);
    if (!analysis)
        return err_set(err, ERR_NOTFOUND, "this program has no analysis %.60s",
                       job->analysis);
    hooks_in_job(job->id);
    const struct analyse_order order = {
        .def = analysis->def,
        .paths = job->paths,
        .count = job->count,
        .folder = job->folder,
        .uid_seed = job->uid_seed,
        .supersedes_seed = job->supersedes_seed[0] ? job->supersedes_seed : NULL,
        .created_s = job->created_s,
        .device_serial = conf->device_serial,
        .options = analysis->options,
        .option_count = analysis->option_count,
        .threads = threads_of_a_job(conf),
        .memory_max_bytes = (size_t)conf->job_memory_max_bytes,
        .model_folders = conf->model_folders,
        .model_folder_count = conf->model_folder_count,
        .watch = {progress, NULL, NULL},
    };
    return analyse(&order, ret, err);
}

/* Serve one message; 0, or -1 when the node has gone. */
static int serve(const struct conf *conf, struct msg *msg)
{
    struct job job = {0};
    struct err err = {0};
    struct analyse_outcome *outcome = calloc(1, sizeof(*outcome));
    if (!outcome)
        return -1;
    int r = read_job(msg, &job, &err);
    if (r == 0)
        r = run_job(conf, &job, outcome, &err);
    if (r < 0)
        *outcome = (struct analyse_outcome){0};
    r = tell_end(r, r < 0 ? err.text : outcome->reason, outcome);
    free(job.paths);
    free(outcome);
    return r;
}

/* The kernel's own bound behind the node's watch: an allocation beyond it fails, and the
 * analysis says so. Address space is more than what is resident: twice, and room for
 * libraries and stacks. */
static void bound_memory(const struct conf *conf)
{
#ifndef __SANITIZE_ADDRESS__
    const rlim_t bytes = (rlim_t)conf->job_memory_max_bytes * 2 + (4ULL << 30);
    const struct rlimit limit = {bytes, bytes};
    setrlimit(RLIMIT_AS, &limit);
#else
    (void)conf; // its shadow memory has no bound that makes sense
#endif
}

/* What reads pixels from outside changes nothing but its results. */
static int confine(const struct conf *conf)
{
    char results[FILE_PATH];
    struct err err = {0};
    int r = file_join(conf->state_dir, "results", results, &err);
    const char *const write[] = {results, "/dev/null", NULL};
    if (r == 0)
        r = sandbox_enter(&(struct sandbox){NULL, write}, &err);
    if (r < 0)
        log_event(LOG_ERROR, "worker.start", "error=\"%s\"", err.text);
    return r;
}

int worker_main(const struct conf *conf)
{
    bound_memory(conf);
    if (confine(conf) < 0)
        return 1;
    for (;;) {
        struct msg msg;
        int r = msg_read(CHILD_FD, &msg, NULL);
        const bool is_end = r == 0;
        if (r == 1)
            r = msg.type == RUN_JOB ? serve(conf, &msg) : -1;
        msg_finish(&msg);
        if (is_end)
            return 0;
        if (r < 0)
            return 1;
    }
}
