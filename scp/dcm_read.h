/*
 * dcm_read: makes a struct series of files that the scan has passed.
 */
#ifndef SCP_DCM_READ_H
#define SCP_DCM_READ_H

#include "base/facts.h"
#include "base/series.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The frames of those instances (of one or several series of one study), single-frame images
 * of equal matrix. facts and paths are [count] and are copied. Instances without pixels or
 * geometry, and those of another matrix than most have, are left out; *ret_left_out (may be
 * NULL) counts them. Native little-endian pixels are read straight from the file; other
 * transfer syntaxes through DCMTK's codecs.
 *
 * Errors: ERR_UNSUPPORTED nothing usable is left; ERR_FORMAT several studies; ERR_NOMEM.
 */
int dcm_read_series(const struct instance_facts *facts, const char *const *paths,
                    size_t count, struct series **ret, size_t *ret_left_out,
                    struct err *err);

#ifdef __cplusplus
}
#endif
#endif
