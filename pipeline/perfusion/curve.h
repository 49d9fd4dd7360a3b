/* curve: what one enhancement curve looks like. */
#ifndef PIPELINE_PERFUSION_CURVE_H
#define PIPELINE_PERFUSION_CURVE_H

#include <stddef.h>

struct curve {
    float peak;      // largest mean of three samples
    float ttp_s;     // its time, by a parabola; from the first sample
    float arrival_s; // when the curve first stays above a fifth of the peak
    float width_s;   // full width at half maximum; to the last sample if it does not fall
    float area;      // unit s
    float last;      // mean of the last three samples
    float roughness; // sum of |second differences| over the peak
    float unrest;    // standard deviation before the bolus, over the peak
};

/** Measure c, [nt] samples dt_s apart, nt >= 5, of which the first n0 lie before the bolus. */
void curve_measure(const float *c, size_t nt, double dt_s, size_t n0, struct curve *ret);

#endif
