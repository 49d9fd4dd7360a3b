/*
 * quality: whether a perfusion scan can be trusted, check by check.
 *
 * A check that warns is told beside the results; one that fails refuses them. Bounds come from
 * the options of the analysis.
 */
#ifndef PIPELINE_PERFUSION_QUALITY_H
#define PIPELINE_PERFUSION_QUALITY_H

#include "base/result.h"
#include "pipeline/perfusion/artery.h"
#include "pipeline/perfusion/cine.h"
#include "pipeline/perfusion/enhancement.h"
#include "pipeline/perfusion/frame_table.h"
#include "pipeline/perfusion/lesion.h"
#include "pipeline/perfusion/motion.h"
#include "pipeline/perfusion/time_axis.h"

struct err;

struct quality_bounds {
    double frames_min, duration_min_s;                      // fail below
    double missing_warn_percent, missing_fail_percent;      // above
    double coverage_warn_mm, coverage_fail_mm;              // below
    double motion_warn_mm, motion_warn_deg, motion_fail_mm; // above
    double baseline_fail_frames;                            // below
    double baseline_warn_frames;                            // below
    double rise_fail;                        // mean of the brain, HU, below
    double aif_peak_warn, aif_peak_fail;     // HU, below
    double aif_snr_warn;                     // below
    double aif_width_warn_s, aif_ttp_warn_s; // above
    double after_peak_warn_s;                // scan left after the arterial peak, below
    double after_peak_fail_s;                // the same, refused; 0: never
    double vof_end_warn_percent;             // of its peak at the end, above
    double vof_ratio_warn;                   // area of vein over artery, above
    double vof_ratio_least;                  // and below: no vein that fills its voxels
    double noise_warn_hu;                    // of a voxel and frame, above
    const char *unit;              // of all those above that have HU: "HU", "1/s"
    double bilateral_warn_percent; // of hypoperfusion in the lesser hemisphere, above
};

/** frames, duration, missing frames, coverage. Errors: ERR_NOMEM. */
int quality_of_scan(struct result *result, const struct frame_table *table,
                    const struct quality_bounds *bounds, struct err *err);
/** motion. */
int quality_of_motion(struct result *result, const struct motion *motion,
                      const struct quality_bounds *bounds, struct err *err);
/** baseline, bolus (fails without contrast), noise. */
int quality_of_bolus(struct result *result, const struct cine *cine,
                     const struct enhancement *e, const struct artery *artery,
                     const struct quality_bounds *bounds, struct err *err);
/** aif_shape, aif_vof_order, truncation; artery.aif was found. */
int quality_of_artery(struct result *result, const struct artery *artery,
                      const struct time_axis *axis, const struct quality_bounds *bounds,
                      struct err *err);
/**
 * bilateral: whether hypoperfusion lies on both sides. left and right: voxels of it in each
 * hemisphere.
 */
int quality_of_sides(struct result *result, size_t left, size_t right,
                     const struct quality_bounds *bounds, struct err *err);

/** discordant: islands of long Tmax that were kept out of the lesion, of ml together. */
int quality_of_islands(struct result *result, size_t islands, double ml, struct err *err);

#endif
