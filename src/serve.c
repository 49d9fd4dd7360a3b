#include "src/serve.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/js.h"
#include "base/log.h"
#include "base/msg.h"
#include "pipeline/segment/models.h"
#include "src/conf.h"
#include "src/control.h"
#include "src/deliver.h"
#include "src/event.h"
#include "src/jobs.h"
#include "src/loop.h"
#include "src/notify.h"
#include "src/protocol.h"
#include "src/receive.h"
#include "src/schedule.h"
#include "src/state.h"
#include "src/store.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { STOP_POLL_MS = 100, STATUS_ROWS_MAX = 10000 };

struct node {
    struct conf *conf;
    const char *child_arguments[3];
    struct loop *loop;
    struct state *state;
    struct store *store;
    struct schedule *schedule;
    struct jobs *jobs;
    struct deliver *deliver;
    struct receive *receive;
    struct control *control;
    struct notify *notify;
    struct loop_timer *stop_timer;
    int64_t stop_by_ms; // 0: not asked to stop
    bool is_orderly;    // nothing was under way at the end, or left without row
    int64_t started_s;
};

/* ---- the line: an instance, a study, a job, its results ---- */

static void instance_stored(void *ctx, const struct store_added *added)
{
    struct node *node = ctx;
    if (!added->is_duplicate)
        schedule_touch(node->schedule, added->study_id);
}

static void study_closed(void *ctx)
{
    jobs_kick(((struct node *)ctx)->jobs);
}

static void results_filed(void *ctx)
{
    deliver_kick(((struct node *)ctx)->deliver);
}

/* ---- control ---- */

struct asked {
    struct node *node;
    int64_t asker;
};

static struct asked *remember(struct node *node, int64_t asker)
{
    struct asked *asked = malloc(sizeof(*asked));
    if (!asked)
        abort(); // as loop_post
    *asked = (struct asked){node, asker};
    return asked;
}

static void answer_js(const struct asked *asked, const struct js *js)
{
    char *text = NULL;
    struct err err = {0};
    const int r = js_write(js, false, &text, &err);
    control_answer(asked->node->control, asked->asker, r, r < 0 ? err.text : text);
    free(text);
}

static void got_status(void *ctx, const struct err *err, struct js *status)
{
    struct asked *asked = ctx;
    struct node *node = asked->node;
    if (err->code < 0) {
        control_answer(node->control, asked->asker, err->code, err->text);
    } else {
        js_set_string(status, "version", HILUM_VERSION);
        js_set_string(status, "ae_title", node->conf->ae_title);
        js_set_int(status, "port", node->conf->port);
        js_set_int(status, "started_s", node->started_s);
        js_set_int(status, "now_s", clock_wall_s());
        js_set_bool(status, "is_stopping", node->stop_by_ms != 0);
        js_set(status, "receive", receive_status(node->receive));
        js_set(status, "running", jobs_progress(node->jobs));
        js_set(status, "destinations", deliver_status(node->deliver));
        answer_js(asked, status);
    }
    free(asked);
}

static void replayed(void *ctx, const struct err *err, size_t count)
{
    struct asked *asked = ctx;
    struct node *node = asked->node;
    if (err->code < 0) {
        control_answer(node->control, asked->asker, err->code, err->text);
    } else {
        event_note(node->store, LOG_INFO, "control.replay", "count=%zu", count);
        struct js *js = js_object();
        js_set_int(js, "replayed", (int64_t)count);
        answer_js(asked, js);
        js_destroy(js);
        jobs_kick(node->jobs);
        deliver_kick(node->deliver);
    }
    free(asked);
}

static void release(struct node *node, int64_t asker, int64_t study)
{
    if (schedule_release(node->schedule, study)) {
        event_note(node->store, LOG_INFO, "control.release", "study=%lld",
                   (long long)study);
        control_answer(node->control, asker, 0, "{}");
    } else {
        control_answer(node->control, asker, ERR_NOTFOUND,
                       "no study of that number is open");
    }
}

static void request(void *ctx, struct control *control, int64_t asker, struct msg *msg)
{
    struct node *node = ctx;
    const uint32_t rows = msg->type == CONTROL_STATUS ? msg_get_u32(msg) : 0;
    const int64_t id = msg->type != CONTROL_STATUS ? msg_get_i64(msg) : 0;
    if (!msg->is_bad && msg->type == CONTROL_STATUS && rows <= STATUS_ROWS_MAX)
        store_status(node->store, rows, got_status, remember(node, asker));
    else if (!msg->is_bad && msg->type == CONTROL_REPLAY)
        store_replay(node->store, id, replayed, remember(node, asker));
    else if (!msg->is_bad && msg->type == CONTROL_RELEASE)
        release(node, asker, id);
    else
        control_answer(control, asker, ERR_UNSUPPORTED, "not a request of this version");
}

/* ---- a new configuration ---- */

static void tell_models(const struct node *node)
{
    const struct models *models = node->conf->models;
    for (size_t i = 0; i < models_count(models); i++)
        log_event(LOG_INFO, "model.found", "name=%s version=%s",
                  models_at(models, i)->name, models_at(models, i)->version);
    for (size_t i = 0; i < models_problems(models); i++)
        event_note(node->store, LOG_WARN, "model.unusable", "error=\"%s\"",
                   models_problem(models, i));
}

/* SIGHUP: what runs goes on as it began; what starts from now on goes by the new one. */
static void reload(void *ctx, int signo)
{
    struct node *node = ctx;
    auto_(conf) struct conf *fresh = NULL;
    struct err err = {0};
    (void)signo;
    int r = conf_read(node->conf->path, &fresh, &err);
    if (r == 0)
        r = conf_check_files(fresh, &err);
    if (r == 0)
        r = conf_renew(node->conf, fresh, &err);
    if (r == 0)
        r = state_keep_conf(node->state, node->conf->path, &err);
    if (r < 0) {
        event_note(node->store, LOG_ERROR, "node.reload", "kept=1 error=\"%s\"",
                   err.text);
        return;
    }
    receive_renew(node->receive);
    jobs_renew(node->jobs);
    tell_models(node);
    event_note(node->store, LOG_INFO, "node.reload", "rules=%zu peers=%zu",
               node->conf->rule_count, node->conf->peer_count);
}

/* ---- the end ---- */

/* Whether what is under way has ended, or has had its time. */
static void see_whether_stopped(void *ctx)
{
    struct node *node = ctx;
    const bool is_busy = receive_active(node->receive) > 0 || jobs_are_busy(node->jobs)
                         || deliver_is_busy(node->deliver)
                         || store_backlog(node->store) > 0;
    const bool is_late = loop_now_ms(node->loop) >= node->stop_by_ms;
    if (is_busy && !is_late)
        return;
    node->is_orderly = !is_busy && !receive_left_files(node->receive);
    if (is_busy)
        log_event(LOG_WARN, "node.stop", "associations=%d jobs=%d: requeued",
                  receive_active(node->receive), jobs_are_busy(node->jobs));
    loop_stop(node->loop);
}

static void stop(void *ctx, int signo)
{
    struct node *node = ctx;
    if (node->stop_by_ms != 0)
        return;
    log_event(LOG_INFO, "node.stopping", "signal=%d associations=%d", signo,
              receive_active(node->receive));
    notify_say("STOPPING=1");
    node->stop_by_ms = loop_now_ms(node->loop) + node->conf->stop_timeout_s * 1000LL;
    receive_stop(node->receive);
    jobs_stop(node->jobs);
    deliver_stop(node->deliver);
    loop_timer_start(node->stop_timer, 0, STOP_POLL_MS);
}

/* ---- life ---- */

static int start(struct node *node, struct err *err)
{
    const struct conf *conf = node->conf;
    const struct receive_hooks receiving = {instance_stored, node};
    const struct control_hooks controlling = {request, node};
    const struct scan_limits limits = conf_scan_limits(conf);
    int r = conf_check_files(conf, err);
    if (r == 0)
        r = loop_create(&node->loop, err);
    if (r == 0)
        r = state_create(conf->state_dir, &node->state, err);
    if (r == 0)
        node->child_arguments[0] = state_conf_path(node->state);
    if (r == 0)
        r = state_keep_conf(node->state, conf->path, err);
    if (r == 0)
        r = store_open(state_index_path(node->state), node->loop, &node->store, err);
    if (r == 0)
        r = state_repair(node->state, node->store, &limits, err);
    if (r == 0)
        r = loop_timer_create(node->loop, see_whether_stopped, node, &node->stop_timer,
                              err);
    if (r == 0)
        r = deliver_create(node->loop, conf, node->store, node->child_arguments,
                           &node->deliver, err);
    if (r == 0)
        r = jobs_create(node->loop, conf, node->store, node->child_arguments,
                        results_filed, node, &node->jobs, err);
    if (r == 0)
        r = schedule_create(node->loop, conf, node->store, study_closed, node,
                            &node->schedule, err);
    if (r == 0)
        r = control_create(node->loop, conf->state_dir, &controlling, &node->control,
                           err);
    if (r == 0)
        r = receive_create(node->loop, conf, node->store, node->child_arguments,
                           &receiving, &node->receive, err);
    if (r == 0)
        tell_models(node);
    if (r == 0)
        r = loop_on_signal(node->loop, SIGHUP, reload, node, err);
    if (r == 0)
        r = loop_on_signal(node->loop, SIGTERM, stop, node, err);
    if (r == 0)
        r = loop_on_signal(node->loop, SIGINT, stop, node, err);
    return r == 0 ? notify_create(node->loop, &node->notify, err) : r;
}

/* The store first: its last answers still go to those that asked. */
static void finish(struct node *node)
{
    if (node->jobs)
        jobs_stop(node->jobs);
    if (node->deliver)
        deliver_stop(node->deliver);
    store_close(node->store);
    control_destroy(node->control);
    notify_destroy(node->notify);
    receive_destroy(node->receive);
    schedule_destroy(node->schedule);
    jobs_destroy(node->jobs);
    deliver_destroy(node->deliver);
    loop_timer_destroy(node->stop_timer);
    loop_destroy(node->loop);
    if (node->is_orderly)
        state_mark_stopped(node->state);
    state_destroy(node->state);
}

int serve(struct conf *conf, struct err *err)
{
    struct node node = {
        .conf = conf,
        .child_arguments = {"", conf->state_dir, NULL},
        .started_s = clock_wall_s(),
    };
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    const int r = start(&node, err);
    if (r == 0) {
        jobs_kick(node.jobs);
        event_note(node.store, LOG_INFO, "node.ready", "version=%s port=%d",
                   HILUM_VERSION, conf->port);
        loop_run(node.loop);
        log_event(LOG_INFO, "node.stopped", "version=%s", HILUM_VERSION);
    }
    finish(&node);
    return r;
}
