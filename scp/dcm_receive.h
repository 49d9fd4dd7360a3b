/*
 * dcm_receive: serves DICOM associations on sockets that somebody else accepted.
 *
 * C-ECHO, storage commitment and C-STORE as SCP, bit-preserving: each data set goes to a temporary file as it
 * arrives, is scanned (scp/scan.h), and is then given to the stored hook, which keeps it
 * and names the status to answer. One object serves one association after the other; it
 * knows no index and no configuration but its own.
 */
#ifndef SCP_DCM_RECEIVE_H
#define SCP_DCM_RECEIVE_H

#include "base/auto.h"
#include "base/facts.h"
#include "scp/scan.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct err;
struct dcm_receiver;
struct dcm_tls;

/* Status of a C-STORE response (PS3.4 B.2.3, PS3.7 C). */
#define DCM_SUCCESS           0x0000
#define DCM_OUT_OF_RESOURCES  0xA700
#define DCM_SOP_CLASS_DIFFERS 0xA900
#define DCM_CANNOT_UNDERSTAND 0xC000
#define DCM_SOP_CLASS_UNKNOWN 0x0122

/** Who asks for an association; AE titles without padding. */
struct dcm_peer {
    char calling_ae[17], called_ae[17];
    char address[64];
    bool is_encrypted; // by TLS
};

/** A-ASSOCIATE-RJ reasons that a hook may answer (PS3.8 9.3.4). */
enum dcm_admit {
    DCM_ADMIT,
    DCM_REJECT_CALLED_AE,  // called AE title not recognised
    DCM_REJECT_CALLING_AE, // calling AE title not recognised
    DCM_REJECT_BUSY,       // temporary congestion, transient
};

/* Failure Reason of storage commitment (PS3.3 C.14.1.1). */
#define DCM_HELD                0x0000 // none: it is held
#define DCM_PROCESSING_FAILURE  0x0110
#define DCM_NO_SUCH_OBJECT      0x0112
#define DCM_SOP_CLASS_CONFLICTS 0x0119

/** An instance that a peer asks about. */
struct dcm_reference {
    char sop_class[65], sop_uid[65];
    uint16_t failure; // DCM_HELD, or why it is not
};

struct dcm_receive_hooks {
    /** Whether the association may be: before it is acknowledged. */
    enum dcm_admit (*admit)(void *ctx, const struct dcm_peer *peer);
    /**
     * A C-STORE's Part 10 file lies complete at temp_path (same file system as the spool)
     * and passed the scan. Keep it, durably, and return DCM_SUCCESS; or return the status to
     * answer. The file is the hook's from now on (renamed or unlinked).
     */
    uint16_t (*stored)(void *ctx, const struct dcm_peer *peer, const char *temp_path,
                       const struct instance_facts *facts);
    /** A peer asks whether these are kept for good: fill in failure of each. False when that
     * cannot be told now. NULL: storage commitment is not served. */
    bool (*commit)(void *ctx, struct dcm_reference *references, size_t count);
    /** A message was refused before the hook saw it; reason names what and where. */
    void (*refused)(void *ctx, const struct dcm_peer *peer, uint16_t status,
                    const char *reason);
    void *ctx;
};

struct dcm_receive_conf {
    const char *spool;         // folder for temporary files; exists
    uint32_t pdu_bytes;        // largest PDU that we receive, 16384..131072
    int idle_timeout_s;        // between messages
    int dimse_timeout_s;       // within a message, and for the association request
    int association_timeout_s; // for all of it
    int64_t bytes_per_s_min;   // of a data set, on average over dimse_timeout_s; 0: any
    struct scan_limits limits; // bytes_max also bounds what is written to the spool
    bool accept_private;       // private storage SOP classes too
    const struct dcm_tls *tls; // NULL: no association is encrypted
};

/** What an association did, for the event row. */
struct dcm_receive_summary {
    struct dcm_peer peer;
    uint32_t stored, refused, echoes;
    uint64_t bytes;
    bool was_admitted, was_released; // not released: aborted or broken
};

/** Errors: ERR_NOMEM, ERR_IO (no network). conf's strings are copied. */
int dcm_receiver_create(const struct dcm_receive_conf *conf,
                        const struct dcm_receive_hooks *hooks, struct dcm_receiver **ret,
                        struct err *err);
void dcm_receiver_destroy(struct dcm_receiver *receiver);

/**
 * Serve the association on the connected socket fd, over TLS if is_tls, until it ends;
 * closes fd. A peer's misbehaviour is an error of that association only: the receiver serves
 * the next one.
 *
 * Errors: ERR_PEER (rejected, aborted, timed out, or protocol error), ERR_IO.
 * *ret is filled in any case.
 */
int dcm_receiver_serve(struct dcm_receiver *receiver, int fd, bool is_tls,
                       struct dcm_receive_summary *ret, struct err *err);

AUTO_DEFINE(dcm_receiver)

#ifdef __cplusplus
}
#endif
#endif
