/*
 * op_window: the geometry that convolutions and poolings share: a kernel that goes over one
 * to three spatial axes in strides, with dilation and padding.
 */
#ifndef KERNELS_OPS_OP_WINDOW_H
#define KERNELS_OPS_OP_WINDOW_H

#include "kernels/ops/op.h"

enum { OP_SPATIAL_MAX = 3 };

/** Spatial axes are brought to three: unused ones come first and have 1 of everything. */
struct op_window {
    int axes; // 1 to 3 of the model's
    int64_t in[OP_SPATIAL_MAX], out[OP_SPATIAL_MAX];
    int64_t kernel[OP_SPATIAL_MAX], stride[OP_SPATIAL_MAX], dilation[OP_SPATIAL_MAX];
    int64_t begin[OP_SPATIAL_MAX], end[OP_SPATIAL_MAX]; // padding
    bool ceil;
};

/**
 * Attributes kernel_shape (kernel where it is not there), strides, dilations, pads, auto_pad,
 * ceil_mode for the spatial axes of x [batch, channel, spatial...], and the output extents.
 * kernel may be NULL where kernel_shape is required; it holds as many as x has.
 *
 * Errors: ERR_FORMAT, ERR_UNSUPPORTED (more than three spatial axes)
 */
int op_window_init(struct op_window *w, const struct op_call *call,
                   const struct tensor *x, const int64_t *kernel, struct err *err);
/** Attribute name (one number a spatial axis) into ret, otherwise fill; counts are checked
 * to be in lo .. 2^31. Errors: ERR_FORMAT. */
int op_window_ints(const struct op_call *call, const char *name, int axes, int64_t fill,
                   int64_t lo, int64_t *ret, struct err *err);
/** Is auto_pad one of the SAME_*? *lower says which. Errors: ERR_FORMAT. */
int op_window_auto_pad(const struct op_call *call, bool *same, bool *lower, bool *valid,
                       struct err *err);

#endif
