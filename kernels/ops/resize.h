/* resize: what fast kernels need to know of Resize and Upsample. */
#ifndef KERNELS_OPS_RESIZE_H
#define KERNELS_OPS_RESIZE_H

#include "kernels/ops/op.h"

/** A position of an output axis is weight[0] * at[0] + weight[1] * at[1] of the input's. */
struct resize_tap {
    int64_t at[2];
    double weight[2];
};

/** Taps of an axis, for each of its positions in the output, into ret [extent of it]; false
 * where the call does not interpolate by the nearest or linearly between two. */
bool resize_find_taps(const struct op_call *call, int axis, struct resize_tap *ret);
/** Does it take the nearest, so that each position has one tap? */
bool resize_is_nearest(const struct node *node);

#endif
