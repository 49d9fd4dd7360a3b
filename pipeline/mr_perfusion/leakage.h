/*
 * leakage: what contrast that leaks out of the vessels does to concentration, taken off.
 *
 * Where the blood-brain barrier is broken, as in tumours and late infarcts, contrast in the tissue
 * shortens T1, so that R2* seems to fall after the bolus and blood volume is read too low; or it adds
 * to T2*, and volume is read too high. With R the mean curve of tissue that does not leak:
 *
 *     c(t) = K1 R(t) - K2 int_0^t R    by least squares in each voxel
 *     c(t) := c(t) + K2 int_0^t R
 *
 * A curve that is late, as a stroke's is, is no multiple of R: part of its delay is taken for leakage.
 * Source: Boxerman, Schmainda, Weisskoff, AJNR 27:859-867 (2006).
 */
#ifndef PIPELINE_MR_PERFUSION_LEAKAGE_H
#define PIPELINE_MR_PERFUSION_LEAKAGE_H

#include "pipeline/perfusion/cine.h"
#include "pipeline/perfusion/enhancement.h"
#include "pipeline/perfusion/time_axis.h"

#include <stddef.h>
#include <stdint.h>

struct err;

/**
 * Correct the concentrations of cine within mask, uint8 [nz][ny][nx], on threads threads; bit-identical
 * for any number. R is of the voxels of mask whose mean over the last quarter of the frames lies within
 * two standard deviations of e->noise of the baseline.
 *
 * k2              float [nz][ny][nx] 1/s, positive where T1 shortens; 0 off mask, or where all is
 *                 left as it is, for want of tissue that does not leak
 * *ret_reference  voxels that R is the mean of; 0: too few, nothing was corrected
 *
 * Errors: ERR_NOMEM
 */
int leakage_correct(struct cine *cine, const struct enhancement *e,
                    const struct time_axis *axis, const uint8_t *mask, int threads,
                    float *k2, size_t *ret_reference, struct err *err);

#endif
