/* ct_wants: which CT series of a study are a perfusion scan of the head, by the index alone. */
#ifndef PIPELINE_CT_PERFUSION_CT_WANTS_H
#define PIPELINE_CT_PERFUSION_CT_WANTS_H

#include "pipeline/pipeline.h"

/**
 * Axial CT of one frame of reference, taken at least CT_WANTS_TIMES times at the same positions: in
 * one series, a series a slice, or a series a time. Contract of pipeline_def.wants.
 */
bool ct_wants(const struct study_facts *study, struct pipeline_want *ret);

// Fewer are a multiphase CT; from here on and below 20 the analysis says why it refuses.
#define CT_WANTS_TIMES 10

#endif
