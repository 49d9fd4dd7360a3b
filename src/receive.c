#include "src/receive.h"

#include "base/err.h"
#include "base/js.h"
#include "base/log.h"
#include "base/msg.h"
#include "scp/dcm_receive.h"
#include "src/child.h"
#include "src/conf.h"
#include "src/event.h"
#include "src/loop.h"
#include "src/protocol.h"
#include "src/store.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BACKLOG = 256,
    HELD_MAX = 50000, // instances in one question
    RECYCLE_AFTER = 1000,
    REASON_TEXT = 256,
    DOORS = 2,               // plain, TLS
    TURNED_AWAY = 16,        // connections that are shut and not closed yet
    NO_DESCRIPTORS_MS = 200, // pause of accepting when the process has too many
};

struct receiver_slot {
    struct receive *receive;
    struct child *child;  // NULL: none runs
    bool is_busy;         // serves an association
    bool is_stale;        // is of an earlier configuration: ends when it is idle
    uint64_t association; // its number, in logs
    int served;           // associations so far: DCMTK leaks, so it is recycled
};

/* A listening socket. */
struct door {
    struct receive *receive;
    bool is_tls;
    int fd; // -1: none
    struct loop_watch *watch;
};

struct receive {
    struct loop *loop;
    const struct conf *conf;
    struct store *store;
    const char *const *child_arguments;
    struct receive_hooks hooks;
    struct door doors[DOORS];
    struct loop_timer *again;     // accept again after a pause
    struct receiver_slot *slots;  // [associations_max]
    int turned_away[TURNED_AWAY]; // descriptors; a ring
    int next_turned_away;
    int active;
    uint64_t associations, rejected, stored, refused, bytes;
    bool has_left_files; // without row in the index
};

/* ---- an instance: to the index and back ---- */

struct pending {
    struct receive *receive;
    struct receiver_slot *slot;
    pid_t pid; // of the receiver that waits: another may sit in the slot by then
};

static void answer(struct pending *p, uint16_t status)
{
    if (!p->slot->child || child_pid(p->slot->child) != p->pid)
        return; // the receiver ended meanwhile; its peer will send again
    struct msg msg;
    msg_init(&msg, INSTANCE_STORED);
    msg_put_u32(&msg, status);
    child_send(p->slot->child, &msg, -1, NULL);
    msg_finish(&msg);
}

static void indexed(void *ctx, const struct err *err, const struct store_added *added)
{
    struct pending *p = ctx;
    struct receive *receive = p->receive;
    if (err->code < 0) {
        receive->refused++;
        receive->has_left_files = true;
        log_event(LOG_ERROR, "receive.index", "error=\"%s\"", err->text);
    } else {
        receive->stored++;
        receive->hooks.stored(receive->hooks.ctx, added);
    }
    answer(p, err->code < 0 ? DCM_OUT_OF_RESOURCES : DCM_SUCCESS);
    free(p);
}

static void store_instance(struct receiver_slot *slot, struct msg *msg)
{
    struct instance_facts facts;
    msg_get_bytes(msg, &facts, sizeof(facts));
    protocol_seal_facts(&facts);
    const char *path = msg_get_text(msg);
    const int64_t size_bytes = msg_get_i64(msg);
    char calling_ae[FACTS_CODE], expected[STORAGE_PATH];
    snprintf(calling_ae, sizeof(calling_ae), "%s", msg_get_text(msg));
    protocol_seal_text(calling_ae);
    protocol_storage_path(facts.sop_uid, expected);

    struct pending *p = malloc(sizeof(*p));
    if (!p)
        abort(); // as loop_post
    *p = (struct pending){slot->receive, slot, child_pid(slot->child)};
    // What parses hostile bytes may have been taken over: it names no file of its choice.
    if (msg->is_bad || !scan_is_uid(facts.sop_uid) || strcmp(path, expected) != 0) {
        log_event(LOG_ERROR, "receive.message", "association=%llu",
                  (unsigned long long)slot->association);
        answer(p, DCM_OUT_OF_RESOURCES);
        free(p);
        return;
    }
    store_add_instance(slot->receive->store, &facts, path, size_bytes, calling_ae,
                       indexed, p);
}

/* ---- storage commitment ---- */

static void tell_held(void *ctx, const struct err *err, const struct store_held *list,
                      size_t count)
{
    struct pending *p = ctx;
    if (err->code < 0)
        log_event(LOG_ERROR, "receive.held", "error=\"%s\"", err->text);
    if (p->slot->child && child_pid(p->slot->child) == p->pid) {
        struct msg msg;
        msg_init(&msg, HELD);
        msg_put_u32(&msg, err->code < 0 ? 0 : (uint32_t)count);
        for (size_t i = 0; i < count && err->code == 0; i++)
            msg_put_u32(&msg, list[i].is_other_class ? DCM_SOP_CLASS_CONFLICTS
                              : list[i].is_held      ? DCM_HELD
                                                     : DCM_NO_SUCH_OBJECT);
        child_send(p->slot->child, &msg, -1, NULL);
        msg_finish(&msg);
    }
    free(p);
}

static void ask_held(struct receiver_slot *slot, struct msg *msg)
{
    struct err err = {0};
    const size_t count = msg_get_u32(msg);
    struct pending *p = malloc(sizeof(*p));
    struct store_held *list = count <= HELD_MAX ? calloc(count + 1, sizeof(*list)) : NULL;
    if (!p)
        abort(); // as loop_post
    *p = (struct pending){slot->receive, slot, child_pid(slot->child)};
    for (size_t i = 0; list && i < count; i++) {
        snprintf(list[i].sop_class, sizeof(list[i].sop_class), "%s", msg_get_text(msg));
        snprintf(list[i].sop_uid, sizeof(list[i].sop_uid), "%s", msg_get_text(msg));
    }
    if (!list || msg->is_bad)
        err_set(&err, ERR_LIMIT, "%zu instances in question", count);
    if (err.code < 0)
        tell_held(p, &err, NULL, 0);
    else
        store_look_for(slot->receive->store, list, count, tell_held, p);
    free(list);
}

/* ---- receivers ---- */

/* What a child says may hold what a peer sent. */
static void get_reason(struct msg *msg, char ret[REASON_TEXT])
{
    snprintf(ret, REASON_TEXT, "%s", msg_get_text(msg));
    protocol_seal_text(ret);
}

static void refused(struct receiver_slot *slot, struct msg *msg)
{
    const uint32_t status = msg_get_u32(msg);
    char reason[REASON_TEXT];
    get_reason(msg, reason);
    slot->receive->refused++;
    log_event(LOG_WARN, "receive.refused", "association=%llu status=%04x reason=\"%s\"",
              (unsigned long long)slot->association, status, reason);
}

static void drop_slot(struct receiver_slot *slot)
{
    if (slot->is_busy)
        slot->receive->active--;
    slot->is_busy = false;
    slot->is_stale = false;
    child_destroy(slot->child);
    slot->child = NULL;
    slot->served = 0;
}

static int running(const struct receive *receive)
{
    int count = 0;
    for (int i = 0; i < receive->conf->associations_max; i++)
        count += receive->slots[i].child != NULL;
    return count;
}

static void association_ended(struct receiver_slot *slot, struct msg *msg)
{
    struct receive *receive = slot->receive;
    const uint32_t stored = msg_get_u32(msg), refused_count = msg_get_u32(msg);
    const uint32_t echoes = msg_get_u32(msg), admitted = msg_get_u32(msg);
    const uint32_t released = msg_get_u32(msg);
    const int64_t bytes = msg_get_i64(msg);
    char reason[REASON_TEXT];
    get_reason(msg, reason);
    receive->bytes += (uint64_t)bytes;
    receive->rejected += !admitted;
    log_event(released ? LOG_INFO : LOG_WARN, "receive.end",
              "association=%llu stored=%u refused=%u echoes=%u bytes=%lld released=%u"
              " reason=\"%s\"",
              (unsigned long long)slot->association, stored, refused_count, echoes,
              (long long)bytes, released, reason);

    slot->is_busy = false;
    receive->active--;
    if (slot->is_stale || slot->served >= RECYCLE_AFTER
        || running(receive) > receive->conf->receivers)
        drop_slot(slot);
}

static void message(void *ctx, struct child *child, struct msg *msg)
{
    struct receiver_slot *slot = ctx;
    (void)child;
    if (msg->type == STORE_INSTANCE)
        store_instance(slot, msg);
    else if (msg->type == INSTANCE_REFUSED)
        refused(slot, msg);
    else if (msg->type == ASK_HELD)
        ask_held(slot, msg);
    else if (msg->type == ASSOCIATION_ENDED && slot->is_busy)
        association_ended(slot, msg);
}

static void ended(void *ctx, struct child *child, const char *how)
{
    struct receiver_slot *slot = ctx;
    (void)child;
    event_note(slot->receive->store, LOG_WARN, "receiver.ended",
               "association=%llu how=\"%s\"",
               (unsigned long long)(slot->is_busy ? slot->association : 0), how);
    drop_slot(slot);
}

static int warm(struct receiver_slot *slot, struct err *err)
{
    const struct child_hooks hooks = {message, ended, slot};
    return child_create(slot->receive->loop, "receiver", slot->receive->child_arguments,
                        &hooks, &slot->child, err);
}

/* An idle receiver, a new one if need be; NULL when there are as many as may be. */
static struct receiver_slot *find_slot(struct receive *receive)
{
    struct receiver_slot *empty = NULL;
    for (int i = 0; i < receive->conf->associations_max; i++) {
        struct receiver_slot *slot = &receive->slots[i];
        if (slot->child && !slot->is_busy)
            return slot;
        if (!slot->child && !empty)
            empty = slot;
    }
    struct err err = {0};
    if (empty && warm(empty, &err) < 0) {
        log_event(LOG_ERROR, "receiver.start", "error=\"%s\"", err.text);
        return NULL;
    }
    return empty;
}

/* ---- connections ---- */

/* A-ASSOCIATE-RJ: transient, by the service provider (presentation), temporary congestion
 * (PS3.8 9.3.4). The connection is closed some rejections later, so that the request that is
 * still on its way does not wipe out the answer. */
static void turn_away(struct receive *receive, int fd)
{
    static const uint8_t REJECT[] = {3, 0, 0, 0, 0, 4, 0, 2, 3, 1};
    receive->rejected++;
    log_event(LOG_WARN, "receive.full", "associations=%d", receive->active);
    if (send(fd, REJECT, sizeof(REJECT), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        shutdown(fd, SHUT_WR);
    int *kept = &receive->turned_away[receive->next_turned_away++ % TURNED_AWAY];
    if (*kept >= 0)
        close(*kept);
    *kept = fd;
}

/* Give the connection to a receiver; false when that one is just ending. */
static bool give(struct receive *receive, struct receiver_slot *slot, int fd, bool is_tls)
{
    struct msg msg;
    struct err err = {0};
    msg_init(&msg, SERVE_ASSOCIATION);
    msg_put_u32(&msg, is_tls);
    slot->is_busy =
        true; // also when it fails: until its end is told nothing else gets it
    slot->served++;
    slot->association = ++receive->associations;
    receive->active++;
    const int r = child_send(slot->child, &msg, fd, &err);
    if (r < 0)
        log_event(LOG_ERROR, "receive.hand_over", "error=\"%s\"", err.text);
    msg_finish(&msg);
    return r == 0;
}

static void hand_over(struct receive *receive, int fd, bool is_tls)
{
    struct receiver_slot *slot;
    while ((slot = find_slot(receive))) {
        if (give(receive, slot, fd, is_tls)) {
            close(fd);
            return;
        }
    }
    turn_away(receive, fd);
}

static void accept_again(void *ctx)
{
    struct receive *receive = ctx;
    for (int i = 0; i < DOORS; i++) {
        if (receive->doors[i].watch)
            loop_watch_set(receive->doors[i].watch, LOOP_READABLE);
    }
}

static void connection(void *ctx, int events)
{
    struct door *door = ctx;
    (void)events;
    for (;;) {
        const int fd = accept4(door->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            hand_over(door->receive, fd, door->is_tls);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        if (errno != EAGAIN) { // no descriptors or no memory: do not spin
            log_event(LOG_ERROR, "receive.accept", "error=\"%s\"", strerror(errno));
            loop_watch_set(door->watch, 0);
            loop_timer_start(door->receive->again, NO_DESCRIPTORS_MS, 0);
        }
        return;
    }
}

static int listen_on(struct door *door, const struct conf *conf, int port,
                     struct err *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, conf->address, &address.sin_addr) != 1)
        return err_set(err, ERR_CONFIG, "node.address: %.60s is no IPv4 address",
                       conf->address);

    door->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;
    setsockopt(door->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (door->fd < 0 || bind(door->fd, (struct sockaddr *)&address, sizeof(address)) != 0
        || listen(door->fd, BACKLOG) != 0)
        return err_set(err, ERR_IO, "listen on %.60s port %d: %s", conf->address, port,
                       strerror(errno));
    const int r = loop_watch_create(door->receive->loop, door->fd, connection, door,
                                    &door->watch, err);
    if (r == 0)
        loop_watch_set(door->watch, LOOP_READABLE);
    return r;
}

static int open_doors(struct receive *receive, struct err *err)
{
    const struct conf *conf = receive->conf;
    int r = loop_timer_create(receive->loop, accept_again, receive, &receive->again, err);
    if (r == 0 && conf->port != 0)
        r = listen_on(&receive->doors[0], conf, conf->port, err);
    if (r == 0 && conf->tls.port != 0)
        r = listen_on(&receive->doors[1], conf, conf->tls.port, err);
    return r;
}

/* ---- life ---- */

int receive_create(struct loop *loop, const struct conf *conf, struct store *store,
                   const char *const *child_arguments, const struct receive_hooks *hooks,
                   struct receive **ret, struct err *err)
{
    auto_(receive) struct receive *receive = calloc(1, sizeof(*receive));
    if (!receive)
        return err_set(err, ERR_NOMEM, "the receivers");
    for (int i = 0; i < DOORS; i++)
        receive->doors[i] = (struct door){.receive = receive, .is_tls = i == 1, .fd = -1};
    for (int i = 0; i < TURNED_AWAY; i++)
        receive->turned_away[i] = -1;
    receive->conf = conf;
    receive->slots = calloc((size_t)conf->associations_max, sizeof(*receive->slots));
    if (!receive->slots)
        return err_set(err, ERR_NOMEM, "the receivers");
    receive->loop = loop;
    receive->store = store;
    receive->child_arguments = child_arguments;
    receive->hooks = *hooks;
    for (int i = 0; i < conf->associations_max; i++)
        receive->slots[i].receive = receive;

    int r = open_doors(receive, err);
    for (int i = 0; r == 0 && i < conf->receivers && i < conf->associations_max; i++)
        r = warm(&receive->slots[i], err);
    if (r == 0)
        *ret = take(receive);
    return r;
}

void receive_stop(struct receive *receive)
{
    for (int i = 0; i < DOORS; i++) {
        struct door *door = &receive->doors[i];
        loop_watch_destroy(door->watch);
        door->watch = NULL;
        if (door->fd >= 0)
            close(door->fd);
        door->fd = -1;
    }
}

void receive_renew(struct receive *receive)
{
    struct err err = {0};
    for (int i = 0; i < receive->conf->associations_max; i++) {
        struct receiver_slot *slot = &receive->slots[i];
        if (!slot->child)
            continue;
        slot->is_stale = true;
        if (slot->is_busy)
            continue;
        drop_slot(slot);
        if (warm(slot, &err) < 0)
            log_event(LOG_ERROR, "receiver.start", "error=\"%s\"", err.text);
    }
}

int receive_active(const struct receive *receive)
{
    return receive->active;
}

bool receive_left_files(const struct receive *receive)
{
    return receive->has_left_files;
}

void receive_destroy(struct receive *receive)
{
    if (!receive)
        return;
    receive_stop(receive);
    loop_timer_destroy(receive->again);
    for (int i = 0; i < TURNED_AWAY; i++) {
        if (receive->turned_away[i] >= 0)
            close(receive->turned_away[i]);
    }
    for (int i = 0; receive->slots && i < receive->conf->associations_max; i++)
        child_destroy(receive->slots[i].child);
    free(receive->slots);
    free(receive);
}

struct js *receive_status(const struct receive *receive)
{
    struct js *js = js_object();
    js_set_int(js, "associations", receive->active);
    js_set_int(js, "associations_total", (int64_t)receive->associations);
    js_set_int(js, "rejected_total", (int64_t)receive->rejected);
    js_set_int(js, "stored_total", (int64_t)receive->stored);
    js_set_int(js, "refused_total", (int64_t)receive->refused);
    js_set_int(js, "bytes_total", (int64_t)receive->bytes);
    js_set_int(js, "processes", running(receive));
    return js;
}
