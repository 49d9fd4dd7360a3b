/*
 * mr_brain: where the brain lies in echo-planar MR, by its signal.
 *
 * Fat is suppressed and bone has no signal: brain and CSF are what is bright, in one piece once
 * thin bridges are cut.
 */
#ifndef PIPELINE_MR_PERFUSION_MR_BRAIN_H
#define PIPELINE_MR_PERFUSION_MR_BRAIN_H

#include "pipeline/perfusion/cine.h"
#include "pipeline/perfusion/head.h"

struct err;

/**
 * Find the brain in signal, float [nz][ny][nx], whose shape and spacing are those of cine: brighter
 * than 0.45 of the brain's median. head->inside is the brain grown by 2 mm, for arteries at its
 * edge; head->bone is empty. No brain is no error: brain_ml is small then.
 *
 * *ret_median  of the brain's signal
 *
 * Errors: ERR_NOMEM
 */
int mr_brain_find(const struct cine *cine, const float *signal, struct head **ret,
                  float *ret_median, struct err *err);

#endif
