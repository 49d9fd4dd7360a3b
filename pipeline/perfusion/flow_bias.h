/*
 * flow_bias: what truncation takes off the peak of the residue function, and giving it back.
 *
 * Leaving out frequencies lowers the peak, the more the shorter the transit time, and the more the
 * higher the level that noise asked for: a factor of 0.6 for normal grey matter, 0.95 for a core. Flow
 * would then be too low where it is normal, and a lesion's ratio to it too high. For the artery
 * at hand the loss is computed, not guessed: model curves of known transit time are deconvolved
 * at every level; with the measured blood volume, which truncation does not touch, each measured
 * peak belongs to one transit time.
 */
#ifndef PIPELINE_PERFUSION_FLOW_BIAS_H
#define PIPELINE_PERFUSION_FLOW_BIAS_H

#include "base/auto.h"
#include "kernels/osvd.h"

#include <stddef.h>

struct err;

enum { FLOW_BIAS_TRANSITS = OSVD_LANES };

struct flow_bias {
    float seen_s[OSVD_LEVELS]
                [FLOW_BIAS_TRANSITS]; // area over peak after truncation; rising
    float true_s[FLOW_BIAS_TRANSITS]; // transit time of the model; rising
};

/**
 * Compute the losses for aif, [nt] samples, deconvolved with options: the mean of residue functions
 * that fall at once (box), evenly (gamma of shape 4) and slowly (exponential).
 *
 * Errors: those of osvd_create(); ERR_NOMEM
 */
int flow_bias_make(const float *aif, size_t nt, const struct osvd_options *options,
                   struct flow_bias *ret, struct err *err);

/**
 * What to multiply a peak with that was found at level where the transit time seen, area over peak
 * of the residue function, is seen_s: 1 to FLOW_BIAS_MAX. Pure, any thread.
 */
float flow_bias_gain(const struct flow_bias *bias, int level, float seen_s);

#define FLOW_BIAS_MAX \
    1.5f // beyond, the shape of the model says more than what was measured

#endif
