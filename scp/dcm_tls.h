/*
 * dcm_tls: who we are and whom we trust when an association is encrypted.
 *
 * TLS 1.2 and 1.3 with the cipher suites that BCP 195 (RFC 9325) recommends, after DICOM's
 * BCP 195 secure transport connection profile (PS3.15 B.9 ff.); nothing older is spoken.
 */
#ifndef SCP_DCM_TLS_H
#define SCP_DCM_TLS_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct err;

/** PEM files. */
struct dcm_tls {
    const char *certificate; // ours, with those between it and the root
    const char *private_key; // of it, without pass phrase
    const char *trusted;     // certificates of the authorities that sign our peers'
    bool
        needs_certificate; // a peer that calls us must show a certificate that they signed
};

/** Whether the files can be read and belong together. Errors: ERR_CONFIG (which file, why). */
int dcm_tls_check(const struct dcm_tls *tls, struct err *err);

#ifdef __cplusplus
}
#endif
#endif
