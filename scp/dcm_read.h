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
 * The frames of those instances (of one or several series of one study), all of one matrix:
 * classic images have one, Enhanced objects one an item of their functional groups, with place,
 * time and rescale of its own. facts and paths are [count] and are copied. Instances without
 * pixels or geometry, and those of another matrix than most frames have, are left out;
 * diffusion images beside others are kept whatever their matrix, after the others (series.h).
 * *ret_left_out (may be NULL) counts them. Frames are read from the files when they are asked
 * for, one by one.
 *
 * Errors: ERR_UNSUPPORTED nothing usable is left; ERR_FORMAT several studies, or a file that
 * is no longer what facts say; ERR_IO; ERR_NOMEM.
 */
int dcm_read_series(const struct instance_facts *facts, const char *const *paths,
                    size_t count, struct series **ret, size_t *ret_left_out,
                    struct err *err);

#ifdef __cplusplus
}
#endif
#endif
