/*
 * enhancement: what contrast did to each voxel: baseline, peak, area.
 */
#ifndef PIPELINE_PERFUSION_ENHANCEMENT_H
#define PIPELINE_PERFUSION_ENHANCEMENT_H

#include "base/auto.h"
#include "pipeline/perfusion/cine.h"

#include <stddef.h>
#include <stdint.h>

struct err;

struct enhancement {
    size_t baseline_frames; // n0: frames before contrast; at least 3
    size_t before_bolus;    // frames seen before contrast, which may be fewer
    double *brain;          // [nt] mean of the brain, HU
    double rise;            // of it, largest mean of three frames over the baseline, HU
    double noise;    // of one voxel and frame, HU, from differences of baseline frames
    float *baseline; // [nz][ny][nx] HU, mean of the baseline frames
    float *peak;     // [nz][ny][nx] largest mean of three frames, over the baseline
    float *area;     // [nz][ny][nx] mean over the frames after the baseline, over it
};

/**
 * Measure cine within brain, uint8 [nz][ny][nx], on threads threads.
 *
 * The bolus begins with the first frame from which on the brain's mean stays more than 8 % of
 * its range above its start; one more frame is left out.
 *
 * Errors: ERR_NOMEM
 */
int enhancement_measure(const struct cine *cine, const uint8_t *brain, int threads,
                        struct enhancement **ret, struct err *err);
/** Free enhancement; NULL is allowed. */
void enhancement_destroy(struct enhancement *e);

AUTO_DEFINE(enhancement)

#endif
