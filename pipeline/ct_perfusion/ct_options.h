/* ct_options: what can be set of CT perfusion, and its values for a run. */
#ifndef PIPELINE_CT_PERFUSION_CT_OPTIONS_H
#define PIPELINE_CT_PERFUSION_CT_OPTIONS_H

#include "pipeline/perfusion/perfusion_job.h"

extern const struct pipeline_option_def CT_OPTIONS[]; // ended by name NULL

/** The values for this run. */
struct perfusion_options ct_options_of(const struct pipeline_def *def,
                                       const struct pipeline_input *in);

#endif
