/*
 * dcm: everything this project asks of DCMTK, as C.
 *
 * The headers scp/dcm*.h are the shim's only ones, and scp/dcm/ holds the only files that
 * include DCMTK. No C++ type and no exception crosses them: objects are opaque structs,
 * failures are a code and a struct err, strings handed out live as long as the object they
 * came from. All calls here block: they belong into child processes and tools.
 */
#ifndef SCP_DCM_H
#define SCP_DCM_H

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Prepare DCMTK in this process: codecs, quiet logging, TCP_NODELAY (which DCMTK reads from
 * the environment before its first network call). Once, before any other dcm_ function and
 * before threads start.
 */
void dcm_init(void);
/** Undo dcm_init(). */
void dcm_finish(void);

#ifdef __cplusplus
}
#endif
#endif
