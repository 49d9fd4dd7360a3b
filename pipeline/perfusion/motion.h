/*
 * motion: how the head moved during the scan, and undoing it.
 *
 * Every frame is aligned by itself to the mean of the first ones, on voxels of about 4 mm and then
 * 2 mm, so that frames can be done in any order. In CT bone and scalp drive it, and what lies within
 * the skull is not looked at: contrast is no motion. In MR the brain's edge and the CSF do, and
 * each frame has a gain of its own.
 */
#ifndef PIPELINE_PERFUSION_MOTION_H
#define PIPELINE_PERFUSION_MOTION_H

#include "base/auto.h"
#include "kernels/rigid.h"
#include "pipeline/perfusion/cine.h"
#include "pipeline/perfusion/head.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

struct motion {
    size_t nt;
    struct rigid_pose *poses; // [nt]
    float *translation_mm;    // [nt] length of the shift of the volume's middle
    float *rotation_deg;      // [nt]
    float *residual;          // [nt] root mean square difference after alignment
    uint8_t *is_rejected;     // [nt] residual over 2 x that of frames before and after
    uint8_t *is_across;       // [nt] 1: resampled across slices too
    size_t rejected;
    double max_mm, max_deg; // of the frames that are kept
    bool is_corrected;      // frames were resampled
};

/** What of an image motion is seen by. */
struct motion_options {
    double lo, hi;       // values are clipped to this range
    double gradient_min; // per mm: weaker edges are not looked at
    double near_mm;      // how far from the inside of the head is looked
    double rim_mm; // within it, what is farther from its edge is not; 0: all of it is
    double residual_least; // no frame is left out for less
    bool is_mapped;        // contrast changes what is seen: MR
};

extern const struct motion_options MOTION_CT; // bone and scalp, HU

/**
 * Estimate motion of cine against reference, float [nz][ny][nx]. A head without enough edges counts
 * as still. Errors: ERR_NOMEM.
 */
int motion_estimate(const struct cine *cine, const struct head *head,
                    const float *reference, const struct motion_options *options,
                    int threads, struct motion **ret, struct err *err);

/**
 * Resample the frames of cine to the reference if any moved more than worth_mm; within the plane
 * always, across slices only where that is more than 0.3 of a slice. Rejected frames are marked missing
 * and made up, whether others moved or not. Errors: ERR_NOMEM.
 */
int motion_correct(struct motion *motion, struct cine *cine, double worth_mm, int threads,
                   struct err *err);

/** Forget the first n frames, n < nt, as cine_drop_first() does. */
void motion_drop_first(struct motion *motion, size_t n);

/** Free motion; NULL is allowed. */
void motion_destroy(struct motion *motion);

AUTO_DEFINE(motion)

#endif
