/*
 * concentration: from the signal of gradient-echo MR to what contrast did to it.
 *
 *     c(t) = -1/TE ln(S(t) / S0)    1/s, the change of R2*, taken as concentration
 *
 * S0 is the mean before the bolus, without the first frames, which are brighter: T1 weighting is not
 * yet in its steady state. Where the signal falls to the noise the logarithm knows no bottom; such
 * voxels are marked as saturated.
 * Source: Rosen et al., Magn Reson Med 14:249-265 (1990).
 */
#ifndef PIPELINE_MR_PERFUSION_CONCENTRATION_H
#define PIPELINE_MR_PERFUSION_CONCENTRATION_H

#include "base/auto.h"
#include "pipeline/perfusion/cine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

struct concentration {
    float *s0;              // [nz][ny][nx] signal before contrast
    uint8_t *saturated;     // [nz][ny][nx] 1: the signal fell below saturated_part of s0
    size_t baseline_frames; // that s0 is the mean of
    double noise;           // of the signal, one voxel and frame
};

struct concentration_options {
    double echo_s;         // TE
    double saturated_part; // of S0, 0.12
    float signal_least;    // voxels darker than this have no c: air
};

/**
 * How many frames at the start are brighter than those that follow: the mean of brain, uint8
 * [nz][ny][nx], above the median of the five after it by more than a twentieth of what contrast takes
 * off the signal. At most 6.
 */
size_t concentration_unsteady(const struct cine *cine, const uint8_t *brain);

/**
 * Turn the signals of cine into concentrations, on threads threads.
 *
 * Errors: ERR_NOMEM
 */
int concentration_make(struct cine *cine, const uint8_t *brain,
                       const struct concentration_options *options, int threads,
                       struct concentration **ret, struct err *err);
/**
 * Make concentrations those of signals blurred in the plane, sigma_mm:
 *
 *     c := -1/TE ln(G * (S0 exp(-TE c)) / G * S0)
 *
 * Frames that were moved back are blurred each in its own way, by the scanner and by resampling,
 * and where CSF meets tissue a little blur changes the signal more than contrast does. After a wider
 * blur all have the same resolution. Errors: ERR_NOMEM
 */
int concentration_blur(struct cine *cine, const struct concentration *c, double echo_s,
                       double sigma_mm, int threads, struct err *err);

/** Free concentration; NULL is allowed. */
void concentration_destroy(struct concentration *c);

AUTO_DEFINE(concentration)

#endif
