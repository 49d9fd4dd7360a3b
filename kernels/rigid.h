/*
 * rigid: how one volume of a head lies against another, and bringing it back.
 *
 * A pose maps a place of the reference to the place in the moved volume that shows the same
 * tissue: q = R p + t, in mm from the volume's middle, axes along x, y and the slices.
 * Gauss-Newton with the reference's gradients, made once (inverse compositional: Baker & Matthews,
 * Int J Comput Vis 56:221-255, 2004). Where contrast changes the values, what is
 * compared is the mean of the moved values at each value of the reference (correlation ratio: Roche
 * et al., MICCAI 1998).
 */
#ifndef KERNELS_RIGID_H
#define KERNELS_RIGID_H

#include "base/auto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct rigid; // opaque: a reference, read-only after creation

struct rigid_shape {
    size_t nx, ny, nz;
    double spacing_mm[3];
};

struct rigid_pose {
    double r[3][3], t_mm[3];
};

struct rigid_options {
    double lo, hi;       // intensities are clipped to this range
    double gradient_min; // per mm in the plane: weaker voxels are not looked at
    bool is_planar;      // shift and turn within the plane only (few slices)
    int steps_max;       // 8
    bool is_mapped; // moved may be any function of the reference's values, fitted: MR
    double stop_mm; // a step that moves less ends it, 0.02
};

extern const struct rigid_pose RIGID_STILL; // identity

/**
 * Prepare a reference.
 *
 * voxels  float [nz][ny][nx]
 * mask    uint8 [nz][ny][nx]: where voxels may be looked at
 *
 * Errors: ERR_NOTFOUND fewer than 100 voxels have a gradient; ERR_NOMEM.
 */
int rigid_create(const struct rigid_shape *shape, const float *voxels,
                 const uint8_t *mask, const struct rigid_options *options,
                 struct rigid **ret, struct err *err);
/** Free rigid; NULL is allowed. */
void rigid_destroy(struct rigid *rigid);

/**
 * Refine pose so that moved, float [nz][ny][nx], matches the reference. Returns the root mean
 * square difference that is left. Pure, any thread.
 * Tested: tests/unit/test_rigid.c, to 0.1 mm and 0.1 degree.
 */
double rigid_align(const struct rigid *rigid, const float *moved,
                   struct rigid_pose *pose);

/** Angle of pose's turn, degrees. */
double rigid_turn_deg(const struct rigid_pose *pose);

/** How far pose moves the place p_mm (from the middle), along each axis, mm. */
void rigid_shift_at(const struct rigid_pose *pose, const double p_mm[3], double ret[3]);

/**
 * Bring back a plane by the part of pose that lies in the plane: dst(p) = src(R p + t).
 * Three shears of cubic interpolation (Keys, a = -0.5); at the border values repeat.
 *
 * src, dst  float [ny][nx], may be the same;  scratch  float [ny][nx]
 */
void rigid_resample_plane(const struct rigid_shape *shape, const struct rigid_pose *pose,
                          const float *src, float *restrict scratch, float *dst);

/**
 * Bring back a volume across its slices alone: dst(x, y, z) = src(x, y, z + dz(x, y, z)), linear.
 *
 * src, dst  float [nz][ny][nx], not overlapping
 */
void rigid_resample_across(const struct rigid_shape *shape, const struct rigid_pose *pose,
                           const float *restrict src, float *restrict dst);

AUTO_DEFINE(rigid)

#endif
