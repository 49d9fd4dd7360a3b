/*
 * calibrate_range: which range of a value's numbers 256 steps shall span, from how often each
 * number came.
 */
#ifndef KERNELS_CALIBRATE_RANGE_H
#define KERNELS_CALIBRATE_RANGE_H

#include "kernels/calibration.h"

#include <stdint.h>

enum { RANGE_BINS = 2048 };

/** lo and hi are the ends of the numbers seen; bins divide what lies between evenly. */
struct range_counts {
    double lo, hi;
    int64_t bins[RANGE_BINS];
};

/** Count n numbers, which lie in lo .. hi. */
void range_count(struct range_counts *c, const float *x, int64_t n);

/**
 * The range that a method chooses; lo <= 0 <= hi.
 *
 *     minmax      all that was seen
 *     percentile  without the outermost 1/10000 of the numbers at each end
 *     kl          the part t of minmax whose 256 steps keep most information: the least
 *                 Kullback-Leibler divergence of the counts and what the steps leave of them
 *     mse         the part t with the least mean squared error of rounding and cutting
 *
 * t is tried from 0.25 to 1. Source of kl: Migacz, 8-bit inference with TensorRT, GTC 2017.
 */
void range_choose(const struct range_counts *c, enum range_method method, double *ret_lo,
                  double *ret_hi);

#endif
