/* ct_options: what can be set of CT perfusion, and its values for a run. */
#ifndef PIPELINE_CT_PERFUSION_CT_OPTIONS_H
#define PIPELINE_CT_PERFUSION_CT_OPTIONS_H

#include "pipeline/perfusion/artery.h"
#include "pipeline/perfusion/lesion.h"
#include "pipeline/perfusion/maps.h"
#include "pipeline/perfusion/quality.h"
#include "pipeline/perfusion/tissue.h"
#include "pipeline/pipeline.h"

extern const struct pipeline_option_def CT_OPTIONS[]; // ended by name NULL

struct ct_options {
    double motion_worth_mm; // less is not corrected
    double brain_min_ml;    // less brain than that is none
    struct artery_options artery;
    struct tissue_options tissue;
    struct maps_options maps;
    struct lesion_options lesion;
    struct quality_bounds quality;
};

/** The values for this run. */
struct ct_options ct_options_of(const struct pipeline_def *def,
                                const struct pipeline_input *in);

#endif
