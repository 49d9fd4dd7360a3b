/*
 * receiver: the child process that serves associations. It keeps what arrives durably under
 * the storage folder and waits for the index before it answers.
 */
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/msg.h"
#include "scp/dcm_receive.h"
#include "src/child_main.h"
#include "src/conf.h"
#include "src/protocol.h"
#include "src/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

/* Of a receiver; the largest that it needs is a deflated data set of its own bound. */
#define MEMORY_BYTES_MAX (1LL << 30)

struct receiver {
    const struct conf *conf;
    char storage[FILE_PATH];
    bool syncs_names; // of its file system
    struct scan_limits limits;
};

/* ---- who may speak ---- */

static bool is_known_peer(const struct conf *conf, const struct dcm_peer *peer)
{
    for (size_t i = 0; i < conf->peer_count; i++) {
        const struct conf_peer *known = &conf->peers[i];
        if (strcmp(known->ae_title, peer->calling_ae) == 0
            && (peer->is_encrypted || !known->tls)
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

/* All folders that instances can lie in, durably, before the first one arrives. */
static int make_folders(const struct receiver *r, struct err *err)
{
    for (int i = 0; i < 256; i++) {
        char path[FILE_PATH + 8];
        snprintf(path, sizeof(path), "%s/%02x", r->storage, i);
        if (mkdir(path, 0750) != 0 && errno != EEXIST)
            return err_set(err, ERR_IO, "make a storage folder: %s", strerror(errno));
    }
    return file_sync(r->storage, err);
}

/* A receiver that was killed has left its temporary file, which bears its process id. */
static int drop_if_orphan(void *ctx, const char *path, int64_t size, struct err *err)
{
    (void)ctx;
    (void)size;
    (void)err;
    const int pid = atoi(strrchr(path, '/') + 1);
    if (pid > 0 && kill(pid, 0) != 0 && errno == ESRCH)
        unlink(path);
    return 0;
}

/* There is a file of that name: a duplicate, or what a receiver left that was killed before
 * its instance was indexed. If that is whole it stays, and facts become its facts. */
static int settle_with_first(const struct receiver *r, const char *temp_path,
                             const char *path, struct instance_facts *facts,
                             bool *ret_is_new, struct err *err)
{
    struct instance_facts first;
    if (scan_file(path, &r->limits, &first, NULL) == 0
        && strcmp(first.sop_uid, facts->sop_uid) == 0) {
        *facts = first;
        unlink(temp_path);
        return 0;
    }
    if (rename(temp_path, path) != 0)
        return err_set(err, ERR_IO, "rename: %s", strerror(errno));
    *ret_is_new = true;
    return 0;
}

/* Whether fsync of a file that was renamed makes its name durable, too: those that log the
 * inode together with its names do (ext4, XFS, btrfs). POSIX wants an fsync of the folder,
 * which costs a flush of the disk's cache more an image. */
static bool syncs_names(const char *folder)
{
    struct statfs fs;
    if (statfs(folder, &fs) != 0)
        return false;
    return fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == XFS_SUPER_MAGIC
           || fs.f_type == BTRFS_SUPER_MAGIC;
}

/* Give the file its name and make name and data durable. The name comes first: one fsync of
 * the file then commits both. A crash in between leaves a file without a row, which
 * start-up looks at (state.h). */
static int make_durable(const struct receiver *r, const char *temp_path, const char *path,
                        struct instance_facts *facts, struct err *err)
{
    bool is_new = renameat2(AT_FDCWD, temp_path, AT_FDCWD, path, RENAME_NOREPLACE) == 0;
    int rc = 0;
    if (!is_new && errno == EEXIST)
        rc = settle_with_first(r, temp_path, path, facts, &is_new, err);
    else if (!is_new)
        rc = err_set(err, ERR_IO, "rename: %s", strerror(errno));
    if (rc == 0)
        rc = file_sync(path, err);
    if (rc == 0 && !r->syncs_names)
        rc = file_sync_parent(path, err);
    if (rc < 0 && is_new)
        unlink(path); // after a failed fsync the next one may succeed and prove nothing
    return rc;
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

    uint32_t status = DCM_OUT_OF_RESOURCES;
    if (sent == 0 && msg_read(CHILD_FD, &msg, NULL) == 1 && msg.type == INSTANCE_STORED)
        status = msg_get_u32(&msg);
    const bool is_answer = !msg.is_bad; // a message without a status is no Success
    msg_finish(&msg);
    return is_answer ? (uint16_t)status : DCM_OUT_OF_RESOURCES;
}

static uint16_t stored(void *ctx, const struct dcm_peer *peer, const char *temp_path,
                       const struct instance_facts *facts)
{
    const struct receiver *r = ctx;
    struct instance_facts kept = *facts;
    char path[FILE_PATH], below[STORAGE_PATH];
    struct err err = {0};
    struct stat st;

    protocol_storage_path(facts->sop_uid, below);
    int rc = file_free_bytes(r->storage) < r->conf->spool_free_bytes_min
                 ? err_set(&err, ERR_LIMIT, "less than spool_free_bytes_min is free")
                 : 0;
    if (rc == 0)
        rc = file_join(r->storage, below, path, &err);
    if (rc == 0)
        rc = make_durable(r, temp_path, path, &kept, &err);
    if (rc == 0 && stat(path, &st) != 0)
        rc = err_set(&err, ERR_IO, "stat: %s", strerror(errno));
    if (rc < 0) {
        unlink(temp_path);
        log_event(LOG_ERROR, "receive.keep", "error=\"%s\"", err.text);
        return DCM_OUT_OF_RESOURCES;
    }
    return ask_index(&kept, below, st.st_size, peer->calling_ae);
}

/* Held for good is what has a row, and a file: one may have been taken away by hand. */
static bool held(void *ctx, struct dcm_reference *references, size_t count)
{
    const struct receiver *r = ctx;
    struct msg msg;
    msg_init(&msg, ASK_HELD);
    msg_put_u32(&msg, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        msg_put_text(&msg, references[i].sop_class);
        msg_put_text(&msg, references[i].sop_uid);
    }
    bool is_told = msg_write(CHILD_FD, &msg, -1) == 0;
    msg_finish(&msg);
    if (!is_told || msg_read(CHILD_FD, &msg, NULL) != 1)
        return false;

    is_told = msg.type == HELD && msg_get_u32(&msg) == count;
    for (size_t i = 0; i < count && is_told; i++) {
        char path[FILE_PATH], below[STORAGE_PATH];
        references[i].failure = (uint16_t)msg_get_u32(&msg);
        protocol_storage_path(references[i].sop_uid, below);
        if (references[i].failure == DCM_HELD
            && (file_join(r->storage, below, path, NULL) < 0 || access(path, R_OK) != 0))
            references[i].failure = DCM_PROCESSING_FAILURE;
    }
    is_told = is_told && !msg.is_bad;
    msg_finish(&msg);
    return is_told;
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
        const bool is_tls = r == 1 && msg_get_u32(&msg) != 0;
        msg_finish(&msg);
        if (r <= 0)
            return r == 0 ? 0 : 1;
        if (type != SERVE_ASSOCIATION || fd < 0)
            return 1;

        struct dcm_receive_summary sum;
        struct err err = {0};
        dcm_receiver_serve(receiver, fd, is_tls, &sum, &err);
        if (tell_end(&sum, err.text) != 0)
            return 1;
    }
}

/* From here on the peer's bytes rule: nothing but spool and storage can be changed. /usr holds
 * the dictionary of DCMTK and what converts character sets. */
static int confine(const struct receiver *r, const char *spool, struct err *err)
{
    const struct conf_tls *tls = &r->conf->tls;
    const char *const read[] = {"/usr",           "/proc/self", tls->certificate,
                                tls->private_key, tls->trusted, NULL};
    const char *const write[] = {spool, r->storage, NULL};
    const struct sandbox sandbox = {read, write};
    sandbox_limit_memory(MEMORY_BYTES_MAX);
    return sandbox_enter(&sandbox, err);
}

int receiver_main(const struct conf *conf)
{
    struct receiver r = {.conf = conf, .limits = conf_scan_limits(conf)};
    char spool[FILE_PATH];
    struct err err = {0};
    auto_(dcm_receiver) struct dcm_receiver *receiver = NULL;

    int rc = file_join(conf->state_dir, "storage", r.storage, &err);
    if (rc == 0)
        rc = file_join(conf->state_dir, "spool", spool, &err);
    struct dcm_tls tls;
    const bool is_tls = conf_dcm_tls(conf, &tls);
    const struct dcm_receive_hooks hooks = {admit, stored, held, refused, &r};
    struct dcm_receive_conf receive = {
        .spool = spool,
        .pdu_bytes = (uint32_t)conf->pdu_bytes,
        .idle_timeout_s = conf->idle_timeout_s,
        .dimse_timeout_s = conf->dimse_timeout_s,
        .association_timeout_s = conf->association_timeout_s,
        .bytes_per_s_min = conf->bytes_per_s_min,
        .limits = r.limits,
        .accept_private = conf->accept_private,
        .tls = is_tls && conf->tls.port != 0 ? &tls : NULL,
    };
    if (rc == 0)
        rc = make_folders(&r, &err);
    r.syncs_names = rc == 0 && syncs_names(r.storage);
    if (rc == 0)
        rc = file_walk(spool, drop_if_orphan, NULL, &err);
    if (rc == 0)
        rc = confine(&r, spool, &err);
    if (rc == 0)
        rc = dcm_receiver_create(&receive, &hooks, &receiver, &err);
    if (rc < 0) {
        log_event(LOG_ERROR, "receiver.start", "error=\"%s\"", err.text);
        return 1;
    }
    return serve_all(receiver);
}
