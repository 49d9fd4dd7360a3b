/* sax_options: what can be set of cardiac cine, and its values for a run. */
#ifndef PIPELINE_CARDIAC_CINE_SAX_OPTIONS_H
#define PIPELINE_CARDIAC_CINE_SAX_OPTIONS_H

#include "pipeline/cardiac_cine/sax_clean.h"
#include "pipeline/cardiac_cine/sax_range.h"
#include "pipeline/pipeline.h"

#include <stdbool.h>

extern const struct pipeline_option_def SAX_OPTIONS[]; // ended by name NULL

struct sax_options {
    double edge_px;  // of the network's pixels, where its card says "inclusive"
    bool all_phases; // the SEG holds every phase
    struct sax_clean_options clean; // edge_mm follows from the card
    struct sax_range_options range;

    double phases_fail, phases_warn;           // below
    double slices_fail, slices_warn;           // below
    double gap_warn, gap_fail;                 // above, times the usual step
    double rr_spread_warn, rr_spread_fail;     // above, per cent
    double votes_fail;                         // below, per cent of the wide crops
    double contrast_ratio_warn, contrast_fail; // above; below
    double edv_lo_ml, edv_hi_ml, ef_lo, ef_hi; // warns outside
    double made_up_warn, made_up_fail;         // above, per cent
    double density_g_ml;                       // of myocardium
};

/** The values for this run. */
struct sax_options sax_options_of(const struct pipeline_def *def,
                                  const struct pipeline_input *in);

#endif
