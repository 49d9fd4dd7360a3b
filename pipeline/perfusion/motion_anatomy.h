/*
 * motion_anatomy: what motion across thick slices leaves behind, taken off.
 *
 * A head that moves by part of a slice brings another mixture of sulcus and gyrus into it; interpolation
 * cannot undo that, and a few HU are as much as enhancement has. But the change is that of the anatomy without
 * contrast, which is known: it is predicted from the slices beside, and subtracted. For CT, where contrast adds
 * to anatomy.
 */
#ifndef PIPELINE_PERFUSION_MOTION_ANATOMY_H
#define PIPELINE_PERFUSION_MOTION_ANATOMY_H

#include "pipeline/perfusion/cine.h"
#include "pipeline/perfusion/motion.h"

struct err;

/**
 * Take the change of anatomy off the frames of cine, which motion_correct() has brought back. With B the mean of the
 * first frames and s the shift across slices, in slices, where the frame was left there:
 *
 *     v -= |s| (B(z - sign s) - B(z))
 *
 * and where it was resampled across, with f the part of |s| beyond whole slices, twice interpolated:
 *
 *     v -= f (1 - f) (B(z - 1) - 2 B(z) + B(z + 1))
 *
 * On threads threads, bit-identical for any number. Errors: ERR_NOMEM.
 */
int motion_anatomy_subtract(const struct motion *motion, struct cine *cine, int threads,
                            struct err *err);

#endif
