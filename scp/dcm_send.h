/*
 * dcm_send: stores files to another DICOM node, and asks whether it is there.
 *
 * Blocking; one association a call. Each file is proposed in its own transfer syntax.
 */
#ifndef SCP_DCM_SEND_H
#define SCP_DCM_SEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct err;
struct dcm_tls;

struct dcm_destination {
    const char *host;
    uint16_t port;
    const char *called_ae, *calling_ae;
    int connect_timeout_s, dimse_timeout_s;
    uint32_t pdu_bytes;
    const struct dcm_tls *tls; // NULL: not encrypted
};

/** Why a destination did not take something: decides whether a retry makes sense. */
enum dcm_send_fault {
    DCM_SEND_OK,
    DCM_SEND_UNREACHABLE, // no connection, timed out, broke off: try again
    DCM_SEND_REJECTED, // association rejected (AE titles): transient or permanent, see text
    DCM_SEND_NO_CONTEXT, // the SOP class or transfer syntax is not accepted
    DCM_SEND_BUSY,       // status A7xx: out of resources, try again
    DCM_SEND_REFUSED,    // any other failure status: this object will not be taken
    DCM_SEND_LOCAL,      // our file cannot be read
};

struct dcm_send_outcome {
    enum dcm_send_fault fault;
    uint16_t status; // of the C-STORE response, when there was one
    char text[256];  // no patient data
};

/**
 * Store files over one association; after each, sent(ctx, index, outcome) is called; return
 * false from it to stop (abort). Files after a broken association get DCM_SEND_UNREACHABLE.
 *
 * Errors: ERR_PEER when no association came about (the outcome of each file says why),
 *         ERR_CANCELLED when sent() said stop.
 */
int dcm_send(const struct dcm_destination *destination, const char *const *paths,
             size_t count,
             bool (*sent)(void *ctx, size_t index,
                          const struct dcm_send_outcome *outcome),
             void *ctx, struct err *err);

/** C-ECHO. Errors: ERR_PEER, with the reason. */
int dcm_echo(const struct dcm_destination *destination, struct err *err);

/** Whether a fault may pass by itself, so that the same object should be tried again. */
bool dcm_send_is_transient(enum dcm_send_fault fault);
/** "unreachable", "rejected", ... */
const char *dcm_send_fault_name(enum dcm_send_fault fault);

#ifdef __cplusplus
}
#endif
#endif
