/*
 * receiver: the child process that serves associations. It keeps what arrives durably under
 * the storage folder and waits for the index before it answers.
 */
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/msg.h"
#include "base/sha256.h"
#include "scp/dcm_receive.h"
#include "src/child_main.h"
#include "src/conf.h"
#include "src/protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct receiver {
    const struct conf *conf;
    char storage[FILE_PATH];
};

/* ---- who may speak ---- */

static bool is_known_peer(const struct conf *conf, const struct dcm_peer *peer)
{
    for (size_t i = 0; i < conf->peer_count; i++) {
        const struct conf_peer *known = &conf->peers[i];
        if (strcmp(known->ae_title, peer->calling_ae) == 0
            && (known->address[0] == '\0' || strcmp(known->address, peer->address) == 0))
            return true;
    }
    return conf->peer_count == 0;
}

static enum dcm_admit admit(void *ctx, const struct dcm_peer *peer)
{
    const struct conf *conf = ((const struct receiver *)ctx)->conf;
    if (conf->check_called_ae && strcmp(peer->called_ae, conf->ae_title) != 0)
        return DCM_REJECT_CALLED_AE;
    return is_known_peer(conf, peer) ? DCM_ADMIT : DCM_REJECT_CALLING_AE;
}

/* ---- keeping a file ---- */

/* ab/cd/abcd....dcm below the storage folder: of the UID's digest, never of a peer's text. */
static int place(const struct receiver *r, const char *sop_uid, char path[FILE_PATH],
                 char below[96], struct err *err)
{
    char hex[SHA256_HEX];
    sha256_hex(sop_uid, strlen(sop_uid), hex);
    snprintf(below, 96, "%.2s/%.2s/%s.dcm", hex, hex + 2, hex);
    int rc = file_join(r->storage, below, path, err);
    if (rc < 0)
        return rc;

    char folder[FILE_PATH];
    snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
    struct stat st;
    if (stat(folder, &st) == 0)
        return 0;
    rc = file_make_folder(folder, err);
    if (rc == 0)
        rc = file_sync_parent(folder, err); // and that of the folder above it
    return rc == 0 ? file_sync(r->storage, err) : rc;
}

/* Give the file its name and make name and data durable. The name comes first: one fsync of
 * the file then commits both on journalling file systems, and that of the folder finds
 * nothing left to do. A crash in between leaves a file without a row: removed at start-up.
 * A file that is there already is a duplicate: the first one stays. */
static int make_durable(const char *temp_path, const char *path, struct err *err)
{
    if (renameat2(AT_FDCWD, temp_path, AT_FDCWD, path, RENAME_NOREPLACE) != 0) {
        if (errno != EEXIST)
            return err_set(err, ERR_IO, "rename: %s", strerror(errno));
        unlink(temp_path);
    }
    const int rc = file_sync(path, err);
    return rc < 0 ? rc : file_sync_parent(path, err);
}

/* ---- telling the node ---- */

static uint16_t ask_index(const struct instance_facts *facts, const char *below,
                          int64_t size_bytes, const char *calling_ae)
{
    struct msg msg;
    msg_init(&msg, STORE_INSTANCE);
    msg_put_bytes(&msg, facts, sizeof(*facts));
    msg_put_text(&msg, below);
    msg_put_i64(&msg, size_bytes);
    msg_put_text(&msg, calling_ae);
    const int sent = msg_write(CHILD_FD, &msg, -1);
    msg_finish(&msg);

    uint16_t status = DCM_OUT_OF_RESOURCES;
    if (sent == 0 && msg_read(CHILD_FD, &msg, NULL) == 1 && msg.type == INSTANCE_STORED)
        status = (uint16_t)msg_get_u32(&msg);
    msg_finish(&msg);
    return status;
}

static uint16_t stored(void *ctx, const struct dcm_peer *peer, const char *temp_path,
                       const struct instance_facts *facts)
{
    const struct receiver *r = ctx;
    char path[FILE_PATH], below[96];
    struct err err = {0};
    struct stat st;

    int rc = file_free_bytes(r->storage) < r->conf->spool_free_bytes_min
                 ? err_set(&err, ERR_LIMIT, "less than spool_free_bytes_min is free")
                 : 0;
    if (rc == 0)
        rc = place(r, facts->sop_uid, path, below, &err);
    if (rc == 0)
        rc = make_durable(temp_path, path, &err);
    if (rc == 0 && stat(path, &st) != 0)
        rc = err_set(&err, ERR_IO, "stat: %s", strerror(errno));
    if (rc < 0) {
        unlink(temp_path);
        log_event(LOG_ERROR, "receive.keep", "error=\"%s\"", err.text);
        return DCM_OUT_OF_RESOURCES;
    }
    return ask_index(facts, below, st.st_size, peer->calling_ae);
}

static void refused(void *ctx, const struct dcm_peer *peer, uint16_t status,
                    const char *reason)
{
    (void)ctx;
    (void)peer;
    struct msg msg;
    msg_init(&msg, INSTANCE_REFUSED);
    msg_put_u32(&msg, status);
    msg_put_text(&msg, reason);
    msg_write(CHILD_FD, &msg, -1); // if the node is gone, so are we soon
    msg_finish(&msg);
}

/* ---- serving ---- */

static int tell_end(const struct dcm_receive_summary *sum, const char *reason)
{
    struct msg msg;
    msg_init(&msg, ASSOCIATION_ENDED);
    msg_put_u32(&msg, sum->stored);
    msg_put_u32(&msg, sum->refused);
    msg_put_u32(&msg, sum->echoes);
    msg_put_u32(&msg, sum->was_admitted);
    msg_put_u32(&msg, sum->was_released);
    msg_put_i64(&msg, (int64_t)sum->bytes);
    msg_put_text(&msg, reason);
    const int r = msg_write(CHILD_FD, &msg, -1);
    msg_finish(&msg);
    return r;
}

static int serve_all(struct dcm_receiver *receiver)
{
    for (;;) {
        struct msg msg;
        int fd = -1;
        const int r = msg_read(CHILD_FD, &msg, &fd);
        const uint32_t type = msg.type;
        msg_finish(&msg);
        if (r <= 0)
            return r == 0 ? 0 : 1;
        if (type != SERVE_ASSOCIATION || fd < 0)
            return 1;

        struct dcm_receive_summary sum;
        struct err err = {0};
        dcm_receiver_serve(receiver, fd, &sum, &err);
        if (tell_end(&sum, err.text) != 0)
            return 1;
    }
}

int receiver_main(const struct conf *conf)
{
    struct receiver r = {.conf = conf};
    char spool[FILE_PATH];
    struct err err = {0};
    auto_(dcm_receiver) struct dcm_receiver *receiver = NULL;

    int rc = file_join(conf->state_dir, "storage", r.storage, &err);
    if (rc == 0)
        rc = file_join(conf->state_dir, "spool", spool, &err);
    const struct dcm_receive_hooks hooks = {admit, stored, refused, &r};
    struct dcm_receive_conf receive = {
        .spool = spool,
        .pdu_bytes = (uint32_t)conf->pdu_bytes,
        .idle_timeout_s = conf->idle_timeout_s,
        .dimse_timeout_s = conf->dimse_timeout_s,
        .limits = SCAN_LIMITS,
        .accept_private = conf->accept_private,
    };
    receive.limits.bytes_max = conf->instance_bytes_max;
    receive.limits.depth_max = conf->nesting_max;
    if (rc == 0)
        rc = dcm_receiver_create(&receive, &hooks, &receiver, &err);
    if (rc < 0) {
        log_event(LOG_ERROR, "receiver.start", "error=\"%s\"", err.text);
        return 1;
    }
    return serve_all(receiver);
}
