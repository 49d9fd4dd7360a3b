/*
 * time_axis: the even times that all curves are brought to.
 *
 * Deconvolution needs samples at even distance, the same for artery and tissue; slices of a
 * cine have times of their own. Linear between samples, the end samples beyond.
 */
#ifndef PIPELINE_PERFUSION_TIME_AXIS_H
#define PIPELINE_PERFUSION_TIME_AXIS_H

#include "pipeline/perfusion/cine.h"

#include <stddef.h>

#define TIME_AXIS_MAX 512

struct time_axis {
    double start_s, dt_s;
    size_t nt;
};

/** One sample of the axis: frames[at] + part (frames[at + 1] - frames[at]). */
struct time_step {
    size_t at;
    float part; // 0 takes frame at alone
};

/**
 * The axis of cine: from its first to its last time; dt is the median interval, at most 1 s when
 * intervals differ or are longer.
 */
struct time_axis time_axis_of(const struct cine *cine);

/** Where each sample of axis lies among the times of slice z: ret [axis nt]. */
void time_axis_steps(const struct time_axis *axis, const struct cine *cine, size_t z,
                     struct time_step *ret);

/** Curve of voxel i of slice z minus baseline, on the axis: ret [axis nt]. */
void time_axis_curve(const struct time_axis *axis, const struct time_step *steps,
                     const struct cine *cine, size_t z, size_t i, float baseline,
                     float *ret);

#endif
