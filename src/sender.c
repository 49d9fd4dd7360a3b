/*
 * sender: the child process that stores results to one destination, batch after batch.
 */
#include "base/err.h"
#include "base/log.h"
#include "base/msg.h"
#include "scp/dcm_send.h"
#include "src/child_main.h"
#include "src/conf.h"
#include "src/protocol.h"

#include <stdio.h>
#include <stdlib.h>

enum { BATCH_MAX = 1024, SEND_PDU_BYTES = 131072 };

struct batch {
    int64_t ids[BATCH_MAX];
    const char *paths[BATCH_MAX];
    uint32_t count;
    bool is_broken; // the node has gone
};

static bool sent(void *ctx, size_t index, const struct dcm_send_outcome *outcome)
{
    struct batch *batch = ctx;
    char reason[300];
    if (outcome->fault == DCM_SEND_OK)
        reason[0] = '\0';
    else
        snprintf(reason, sizeof(reason), "%s: %s", dcm_send_fault_name(outcome->fault),
                 outcome->text);
    struct msg msg;
    msg_init(&msg, OBJECT_SENT);
    msg_put_i64(&msg, batch->ids[index]);
    msg_put_u32(&msg, (uint32_t)outcome->fault);
    msg_put_text(&msg, reason);
    batch->is_broken = msg_write(CHILD_FD, &msg, -1) != 0;
    msg_finish(&msg);
    return !batch->is_broken;
}

static void send_batch(const struct conf *conf, const struct conf_destination *to,
                       struct batch *batch)
{
    struct dcm_tls tls;
    conf_dcm_tls(conf, &tls);
    const struct dcm_destination destination = {
        .host = to->host,
        .port = (uint16_t)to->port,
        .called_ae = to->ae_title,
        .calling_ae = conf->ae_title,
        .connect_timeout_s = to->connect_timeout_s,
        .dimse_timeout_s = to->dimse_timeout_s,
        .pdu_bytes = SEND_PDU_BYTES,
        .tls = to->tls ? &tls : NULL,
    };
    struct err err = {0};
    // Each object's outcome is told by sent(); the error repeats them.
    dcm_send(&destination, batch->paths, batch->count, sent, batch, &err);
}

static int serve(const struct conf *conf, struct msg *msg, struct batch *batch)
{
    const struct conf_destination *to = conf_destination(conf, msg_get_text(msg));
    batch->count = msg_get_u32(msg);
    for (uint32_t i = 0; i < batch->count && i < BATCH_MAX; i++) {
        batch->ids[i] = msg_get_i64(msg);
        batch->paths[i] = msg_get_text(msg);
    }
    if (!to || msg->is_bad || batch->count > BATCH_MAX)
        return -1;
    send_batch(conf, to, batch);

    struct msg end;
    msg_init(&end, SENDING_ENDED);
    const int r = batch->is_broken ? -1 : msg_write(CHILD_FD, &end, -1);
    msg_finish(&end);
    return r;
}

int sender_main(const struct conf *conf)
{
    struct batch *batch = calloc(1, sizeof(*batch));
    int r = batch ? 1 : -1;
    while (r == 1) {
        struct msg msg;
        r = msg_read(CHILD_FD, &msg, NULL);
        if (r == 1 && (msg.type != SEND_OBJECTS || serve(conf, &msg, batch) != 0))
            r = -1;
        msg_finish(&msg);
    }
    free(batch);
    return r == 0 ? 0 : 1;
}
