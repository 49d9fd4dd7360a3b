/*
 * artery: the arterial input and the venous output, chosen as a careful reader would.
 *
 * Candidates are the voxels within the skull that enhance most. An artery is a small cluster of
 * them that peaks high, early and briefly; a vein one that comes later and peaks highest. Neither
 * touches bone, and both wash out again: the edge of a bone that moved does not.
 */
#ifndef PIPELINE_PERFUSION_ARTERY_H
#define PIPELINE_PERFUSION_ARTERY_H

#include "pipeline/perfusion/cine.h"
#include "pipeline/perfusion/curve.h"
#include "pipeline/perfusion/enhancement.h"
#include "pipeline/perfusion/time_axis.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define ARTERY_SITES 12

struct artery_site {
    size_t x, y, z; // voxel of the cine
};

/** The mean curve of a few voxels. */
struct artery_vessel {
    bool is_found;
    struct artery_site sites[ARTERY_SITES];
    size_t site_count;
    float curve[TIME_AXIS_MAX]; // [axis nt] over baseline
    struct curve shape;
    double snr; // peak over the noise of the mean curve
};

struct artery {
    struct artery_vessel aif, vof;
    size_t candidates;
    double
        scale; // 1..scale_max: area of the vein over that of the artery, for partial volume
};

struct artery_options {
    double peak_min;    // HU over baseline, for a voxel to be a candidate
    double peak_max;    // beyond: no vessel
    double scale_max;   // 3
    bool is_area_blind; // an artery's area says nothing: in MR voxels hold it in part
    double rough_least; // no curve is too rough below; 0: 2.5
    double
        alike; // of the score of a cluster's best voxel: others below are not of it; 0: all
};

/**
 * Choose artery and vein of cine within inside, uint8 [nz][ny][nx].
 *
 * No artery is no error: aif.is_found is false then. The curves are not scaled.
 *
 * Errors: ERR_NOMEM. Source: the rules of Mouridsen et al., Magn Reson Med 55:524-531 (2006),
 * without clusters of shape; scaling: Kao et al., AJNR 35:2077-2084 (2014), never down.
 */
int artery_find(const struct cine *cine, const uint8_t *inside,
                const struct enhancement *e, const struct time_axis *axis,
                const struct artery_options *options, struct artery *ret,
                struct err *err);

#endif
