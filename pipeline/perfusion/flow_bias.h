/*
 * flow_bias: what truncation takes off the residue function, and giving it back.
 *
 * Leaving out frequencies lowers the peak, the more the shorter the transit time, and the more the
 * higher the level that noise asked for: a factor of 0.6 for normal grey matter, 0.95 for a core. Flow
 * would then be too low where it is normal, and a lesion's ratio to it too high. A scan that ends
 * early cuts the curves of late tissue, and their areas with them.
 *
 * For the artery and the scan at hand both losses are computed, not guessed: curves of known transit
 * time, delay and shape of the residue function are cut where the scan ends and deconvolved at every
 * level. What was measured of a voxel, its level, seen transit time (area over peak) and Tmax, makes
 * some of these models likely and others not; the loss is their mean, weighted so; likewise
 * the delay and the transit time that are given as fitted, marginalised over the shapes. All transit times
 * within physiological bounds are alike beforehand (flat in the logarithm), and so are delays and shapes.
 */
#ifndef PIPELINE_PERFUSION_FLOW_BIAS_H
#define PIPELINE_PERFUSION_FLOW_BIAS_H

#include "base/auto.h"
#include "kernels/osvd.h"

#include <stddef.h>

struct err;

enum { FLOW_BIAS_SEEN = 32, FLOW_BIAS_TMAX = 21 };

/** Tables over what is seen of a voxel: Tmax 0, 1, 2 ... s and even steps of the logarithm of area / peak. */
struct flow_bias {
    float seen_lo[OSVD_LEVELS],
        seen_step[OSVD_LEVELS]; // ln s: of the first entry, between entries
    float gain[OSVD_LEVELS][FLOW_BIAS_TMAX][FLOW_BIAS_SEEN];  // ln of true flow over peak
    float fill[OSVD_LEVELS][FLOW_BIAS_TMAX][FLOW_BIAS_SEEN];  // ln, true volume over area
    float delay[OSVD_LEVELS][FLOW_BIAS_TMAX][FLOW_BIAS_SEEN]; // s
    float transit[OSVD_LEVELS][FLOW_BIAS_TMAX][FLOW_BIAS_SEEN]; // ln s
};

/**
 * Compute the losses for aif, [nt] samples, deconvolved with options: over residue functions
 * that fall at once (box), evenly (gamma of shape 4) and slowly (exponential).
 *
 * Errors: those of osvd_create(); ERR_NOMEM
 */
int flow_bias_make(const float *aif, size_t nt, const struct osvd_options *options,
                   struct flow_bias *ret, struct err *err);

/** What to multiply with to undo the losses, and what the models say of the voxel. */
struct flow_gain {
    float flow, volume;
    float delay_s;   // of the tissue behind the artery, without the offset that Tmax has
    float transit_s; // mean transit time
};

/**
 * Of a peak found at level and tmax_s, where the transit time seen, area over peak of the residue
 * function, is seen_s > 0. Pure, any thread.
 */
struct flow_gain flow_bias_gain(const struct flow_bias *bias, int level, float seen_s,
                                float tmax_s);

#endif
