/* int8: what the parts of the int8 pass share. Seen by kernels/passes alone. */
#ifndef KERNELS_PASSES_INT8_H
#define KERNELS_PASSES_INT8_H

#include "kernels/graph.h"

struct calibration;
struct err;

/** How a value is held in 8 bits: x = (q - zero) * scale. scale 0: nobody knows. */
struct int8_scale {
    float scale;
    int zero;
};

struct int8 {
    struct graph *graph;
    const struct calibration *calibration;
    struct int8_scale *scales; // of the values that there were before the pass
    size_t count;
};

/** Scales of all values of the graph: of their calibrated ranges, the same for values that are
 * copied into each other. The caller frees *ret. Errors: ERR_NOMEM. */
int int8_find_scales(const struct graph *graph, const struct calibration *calibration,
                     struct int8_scale **ret, struct err *err);

/** The convolution n, whose input 0 is 8-bit already, becomes hilum.QConv with a result of that
 * scale (0: float). slope NULL: none beyond its activation. Errors: ERR_NOMEM. */
int int8_convert_conv(struct graph *graph, size_t n, struct int8_scale out,
                      const double *slope, struct err *err);

/** y = a[c] * x + b[c], then slope[c] below zero, then bounds, in real numbers. */
struct int8_line {
    double *a, *b, *slope; // [channels]; slope NULL: none
    double low, high;
};
/** Node n becomes hilum.QAffine of line over x (and residual, -1: none), all 8-bit. */
int int8_make_affine(struct graph *graph, size_t n, int x, int residual,
                     const struct int8_line *line, struct int8_scale out,
                     struct err *err);

#endif
