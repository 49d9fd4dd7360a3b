/* ct_wants: which CT series of a study are a perfusion scan of the head, by the index alone. */
#ifndef PIPELINE_CT_PERFUSION_CT_WANTS_H
#define PIPELINE_CT_PERFUSION_CT_WANTS_H

#include "pipeline/pipeline.h"

/**
 * Axial CT of one frame of reference, taken CT_WANTS_TIMES times or more at the same positions: in one
 * series, or in a series a slice; or CT_WANTS_SERIES times over a series a time. A scan that is wanted and too
 * short is refused by the analysis, which says why. A single slice taken less than 19 times is bolus
 * tracking, and not wanted. Contract of pipeline_def.wants.
 */
bool ct_wants(const struct study_facts *study, struct pipeline_want *ret);

// Fewer are a multiphase CT; from here on and below 20 the analysis says why it refuses.
#define CT_WANTS_TIMES 5
// Fewer series of the same place are reconstructions of one scan, or phases.
#define CT_WANTS_SERIES 10

#endif
