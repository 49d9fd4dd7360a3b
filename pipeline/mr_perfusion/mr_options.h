/* mr_options: what can be set of MR perfusion, and its values for a run. */
#ifndef PIPELINE_MR_PERFUSION_MR_OPTIONS_H
#define PIPELINE_MR_PERFUSION_MR_OPTIONS_H

#include "pipeline/mr_perfusion/mr_tissue.h"
#include "pipeline/perfusion/perfusion_job.h"

extern const struct pipeline_option_def MR_OPTIONS[]; // ended by name NULL

/** What only MR has. */
struct mr_options {
    double echo_min_ms;        // refused below: no T2* weighting
    double saturated_part;     // of S0
    double core_adc;           // 1e-6 mm2/s: less is core
    double cover_warn_percent; // of the brain, that diffusion covers, below
    bool is_leakage_corrected;
    struct mr_tissue_options tissue;
};

/** The values for this run: those shared with CT, and those of MR alone. */
struct perfusion_options mr_options_of(const struct pipeline_def *def,
                                       const struct pipeline_input *in,
                                       struct mr_options *ret);

#endif
