#include "src/deliver.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/js.h"
#include "base/log.h"
#include "base/msg.h"
#include "scp/dcm_send.h"
#include "src/child.h"
#include "src/conf.h"
#include "src/event.h"
#include "src/loop.h"
#include "src/protocol.h"
#include "src/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { TICK_MS = 1000, BATCH_MAX = 256, SILENCE_MARGIN_S = 30 };

/* What is under way of one batch. */
struct under_way {
    int64_t id;
    int attempts; // before this one
    bool is_told; // its outcome has come
};

/* The queue of one destination. */
struct outbox {
    struct deliver *deliver;
    const struct conf_destination *to;
    struct child *child; // started when there is something to send
    bool is_asking, is_asked_again;
    struct under_way batch[BATCH_MAX];
    int batch_count; // 0: idle
    int64_t heard_ms;
    char last_fault[200]; // "" after a success
};

struct deliver {
    struct loop *loop;
    const struct conf *conf;
    struct store *store;
    const char *const *child_arguments;
    struct loop_timer *timer;
    struct outbox *outboxes; // [conf->destination_count]
    bool is_stopped;
};

static void ask(struct outbox *box);

/* ---- outcomes ---- */

int64_t deliver_backoff_s(const struct conf_destination *destination, int attempts,
                          uint32_t random)
{
    int64_t wait_s = destination->backoff_first_s;
    for (int i = 1; i < attempts && wait_s < destination->backoff_max_s; i++)
        wait_s *= 2;
    if (wait_s > destination->backoff_max_s)
        wait_s = destination->backoff_max_s;
    const double spread = 0.8 + 0.4 * ((double)random / UINT32_MAX);
    const int64_t spread_s = (int64_t)((double)wait_s * spread + 0.5);
    return spread_s > 0 ? spread_s : 1;
}

static uint32_t draw(void)
{
    uint32_t bits = 0;
    if (getrandom(&bits, sizeof(bits), GRND_NONBLOCK) != sizeof(bits))
        bits = UINT32_MAX / 2; // no spread then: harmless
    return bits;
}

static void noted(void *ctx, const struct err *err)
{
    (void)ctx;
    if (err->code < 0)
        log_event(LOG_ERROR, "delivery.note", "error=\"%s\"", err->text);
}

/* File the outcome of one delivery of the batch. */
static void note(struct outbox *box, struct under_way *u, enum dcm_send_fault fault,
                 const char *reason)
{
    struct deliver *deliver = box->deliver;
    const int attempts = u->attempts + 1;
    u->is_told = true;
    snprintf(box->last_fault, sizeof(box->last_fault), "%s", reason);
    if (fault == DCM_SEND_OK) {
        log_event(LOG_INFO, "delivery.sent", "delivery=%lld destination=%s",
                  (long long)u->id, box->to->name);
        store_set_delivery(deliver->store, u->id, DELIVERY_SENT, 0, "", noted, NULL);
        return;
    }
    const bool is_again =
        dcm_send_is_transient(fault) && attempts < box->to->attempts_max;
    const int64_t wait_s = deliver_backoff_s(box->to, attempts, draw());
    event_note(deliver->store, is_again ? LOG_WARN : LOG_ERROR,
               is_again ? "delivery.again" : "delivery.dead",
               "delivery=%lld destination=%s attempt=%d reason=\"%s\"", (long long)u->id,
               box->to->name, attempts, reason);
    store_set_delivery(deliver->store, u->id, is_again ? DELIVERY_PENDING : DELIVERY_DEAD,
                       is_again ? clock_wall_s() + wait_s : 0, reason, noted, NULL);
}

static struct under_way *find(struct outbox *box, int64_t id)
{
    for (int i = 0; i < box->batch_count; i++) {
        if (box->batch[i].id == id && !box->batch[i].is_told)
            return &box->batch[i];
    }
    return NULL;
}

static void object_sent(struct outbox *box, struct msg *msg)
{
    const int64_t id = msg_get_i64(msg);
    const uint32_t fault = msg_get_u32(msg);
    const char *reason = msg_get_text(msg);
    struct under_way *u = find(box, id);
    if (u && !msg->is_bad && fault <= DCM_SEND_LOCAL)
        note(box, u, (enum dcm_send_fault)fault, reason);
}

/* ---- the sender process ---- */

static void message(void *ctx, struct child *child, struct msg *msg)
{
    struct outbox *box = ctx;
    (void)child;
    box->heard_ms = loop_now_ms(box->deliver->loop);
    if (msg->type == OBJECT_SENT) {
        object_sent(box, msg);
    } else if (msg->type == SENDING_ENDED) {
        box->batch_count = 0;
        ask(box);
    }
}

/* The sender is gone. The first object without an outcome may be the cause: that try counts;
 * the others are as they were. */
static void lose_sender(struct outbox *box, const char *why)
{
    child_destroy(box->child);
    box->child = NULL;
    for (int i = 0; i < box->batch_count; i++) {
        if (!box->batch[i].is_told) {
            note(box, &box->batch[i], DCM_SEND_UNREACHABLE, why);
            break;
        }
    }
    box->batch_count = 0;
}

static void ended(void *ctx, struct child *child, const char *how)
{
    struct outbox *box = ctx;
    char why[100];
    (void)child;
    snprintf(why, sizeof(why), "the sender ended: %s", how);
    event_note(box->deliver->store, LOG_WARN, "sender.ended", "destination=%s how=\"%s\"",
               box->to->name, how);
    lose_sender(box, why);
}

static bool warm(struct outbox *box)
{
    const struct child_hooks hooks = {message, ended, box};
    struct err err = {0};
    if (box->child
        || child_create(box->deliver->loop, "sender", box->deliver->child_arguments,
                        &hooks, &box->child, &err)
               == 0)
        return true;
    log_event(LOG_ERROR, "sender.start", "error=\"%s\"", err.text);
    return false;
}

/* ---- batches ---- */

static void send_batch(struct outbox *box, const struct store_delivery *list,
                       size_t count)
{
    struct msg msg;
    msg_init(&msg, SEND_OBJECTS);
    msg_put_text(&msg, box->to->name);
    msg_put_u32(&msg, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        char path[FILE_PATH];
        snprintf(path, sizeof(path), "%s/results/%s", box->deliver->conf->state_dir,
                 list[i].path);
        msg_put_i64(&msg, list[i].id);
        msg_put_text(&msg, path);
        box->batch[i] = (struct under_way){list[i].id, list[i].attempts, false};
    }
    box->batch_count = (int)count;
    box->heard_ms = loop_now_ms(box->deliver->loop);
    struct err err = {0};
    if (child_send(box->child, &msg, -1, &err) < 0)
        lose_sender(box, err.text);
    msg_finish(&msg);
}

static void got_due(void *ctx, const struct err *err, const struct store_delivery *list,
                    size_t count)
{
    struct outbox *box = ctx;
    box->is_asking = false;
    if (err->code < 0)
        log_event(LOG_ERROR, "delivery.due", "error=\"%s\"", err->text);
    if (count > 0 && !box->deliver->is_stopped && warm(box))
        send_batch(box, list, count);
    else if (box->is_asked_again)
        ask(box);
}

static void ask(struct outbox *box)
{
    struct deliver *deliver = box->deliver;
    if (deliver->is_stopped || box->batch_count > 0)
        return; // the end of the batch asks
    box->is_asked_again = box->is_asking;
    if (box->is_asking)
        return;
    box->is_asking = true;
    store_due_deliveries(deliver->store, box->to->name, clock_wall_s(), BATCH_MAX,
                         got_due, box);
}

/* A sender has its own time limits; one that is silent beyond them hangs. */
static bool is_hanging(const struct outbox *box)
{
    const int64_t most_s =
        box->to->connect_timeout_s + 2 * box->to->dimse_timeout_s + SILENCE_MARGIN_S;
    return box->batch_count > 0
           && loop_now_ms(box->deliver->loop) - box->heard_ms > most_s * 1000;
}

static void tick(void *ctx)
{
    struct deliver *deliver = ctx;
    for (size_t i = 0; i < deliver->conf->destination_count; i++) {
        if (is_hanging(&deliver->outboxes[i]))
            lose_sender(&deliver->outboxes[i], "the sender hung");
    }
    deliver_kick(deliver);
}

void deliver_kick(struct deliver *deliver)
{
    for (size_t i = 0; i < deliver->conf->destination_count; i++)
        ask(&deliver->outboxes[i]);
}

/* ---- life ---- */

static void bury_orphans(struct deliver *deliver)
{
    const struct conf *conf = deliver->conf;
    const char **names = calloc(conf->destination_count + 1, sizeof(*names));
    if (!names)
        return; // at the next start
    for (size_t i = 0; i < conf->destination_count; i++)
        names[i] = conf->destinations[i].name;
    store_keep_destinations(deliver->store, names, conf->destination_count, noted, NULL);
    free((void *)names);
}

int deliver_create(struct loop *loop, const struct conf *conf, struct store *store,
                   const char *const *child_arguments, struct deliver **ret,
                   struct err *err)
{
    auto_(deliver) struct deliver *deliver = calloc(1, sizeof(*deliver));
    if (!deliver)
        return err_set(err, ERR_NOMEM, "the senders");
    deliver->conf = conf;
    deliver->outboxes = calloc(conf->destination_count + 1, sizeof(*deliver->outboxes));
    if (!deliver->outboxes)
        return err_set(err, ERR_NOMEM, "the senders");
    deliver->loop = loop;
    deliver->store = store;
    deliver->child_arguments = child_arguments;
    for (size_t i = 0; i < conf->destination_count; i++) {
        deliver->outboxes[i].deliver = deliver;
        deliver->outboxes[i].to = &conf->destinations[i];
    }
    const int r = loop_timer_create(loop, tick, deliver, &deliver->timer, err);
    if (r < 0)
        return r;
    loop_timer_start(deliver->timer, TICK_MS, TICK_MS);
    bury_orphans(deliver);
    deliver_kick(deliver);
    *ret = take(deliver);
    return 0;
}

void deliver_destroy(struct deliver *deliver)
{
    if (!deliver)
        return;
    for (size_t i = 0; deliver->outboxes && i < deliver->conf->destination_count; i++)
        child_destroy(deliver->outboxes[i].child);
    loop_timer_destroy(deliver->timer);
    free(deliver->outboxes);
    free(deliver);
}

void deliver_stop(struct deliver *deliver)
{
    deliver->is_stopped = true;
}

bool deliver_is_busy(const struct deliver *deliver)
{
    for (size_t i = 0; i < deliver->conf->destination_count; i++) {
        if (deliver->outboxes[i].batch_count > 0)
            return true;
    }
    return false;
}

struct js *deliver_status(const struct deliver *deliver)
{
    struct js *list = js_array();
    for (size_t i = 0; i < deliver->conf->destination_count; i++) {
        const struct outbox *box = &deliver->outboxes[i];
        struct js *js = js_object();
        js_set_string(js, "name", box->to->name);
        js_set_int(js, "sending", box->batch_count);
        js_set_string(js, "last_fault", box->last_fault);
        js_add(list, js);
    }
    return list;
}
