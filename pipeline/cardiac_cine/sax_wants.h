/* sax_wants: which MR series of a study are a short-axis cine stack, by the index alone. */
#ifndef PIPELINE_CARDIAC_CINE_SAX_WANTS_H
#define PIPELINE_CARDIAC_CINE_SAX_WANTS_H

#include "pipeline/pipeline.h"

/**
 * MR series of one plane across the heart, of one frame of reference, that together show at least
 * two slices, each at least SAX_WANTS_PHASES times: in one series or in one a slice. Fewer phases
 * are wanted only where the body part says heart, so that the refusal says why. Contract of
 * pipeline_def.wants.
 */
bool sax_wants(const struct study_facts *study, struct pipeline_want *ret);

// Fewer are no cine; from here on and below 8 the analysis says why it refuses.
#define SAX_WANTS_PHASES 5

#endif
