/* mr_wants: which MR series of a study are a DSC perfusion scan of the head, by the index alone. */
#ifndef PIPELINE_MR_PERFUSION_MR_WANTS_H
#define PIPELINE_MR_PERFUSION_MR_WANTS_H

#include "pipeline/pipeline.h"

/**
 * MR of the head taken at least MR_WANTS_TIMES times at the same positions, in one series or a
 * series a time, that is neither diffusion nor a map made from others; and the diffusion series of
 * the same study, for the core. Contract of pipeline_def.wants.
 */
bool mr_wants(const struct study_facts *study, struct pipeline_want *ret);

// Fewer are no cine; from here on and below 20 the analysis says why it refuses.
#define MR_WANTS_TIMES 10

#endif
