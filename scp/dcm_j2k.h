/*
 * dcm_j2k: decodes JPEG 2000 and High-Throughput JPEG 2000 frames.
 *
 * DCMTK has no such codec; OpenJPEG has, and scp/dcm/j2k.cc is its only door. The head of the
 * codestream is read in own code first, so that no size in it is believed that differs from
 * what the object says of its pixels.
 */
#ifndef SCP_DCM_J2K_H
#define SCP_DCM_J2K_H

#include "base/facts.h"

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct err;

/** Whether frames of that transfer syntax are such codestreams. */
bool dcm_j2k_is_syntax(const char *transfer_syntax);

/**
 * Decode a frame of one component.
 *
 * data    [size] the codestream, or a JP2 file around one; bytes behind its end do not matter
 * pixels  what the object says: rows, columns, bits allocated (8 or 16) and stored, sign
 * ret     [rows][columns] stored values of bits_allocated, in the order of this machine
 *
 * Any thread. Errors: ERR_FORMAT (broken, or unlike pixels: the text says how),
 * ERR_LIMIT (tiles beyond reason), ERR_NOMEM. On failure ret is undefined.
 */
int dcm_j2k_decode(const void *data, size_t size, const struct pixel_facts *pixels,
                   void *ret, struct err *err);

#ifdef __cplusplus
}
#endif
#endif
