/*
 * requant: how a sum of 8-bit products becomes a number of the result. One formula for the
 * reference and for every kernel, so that all give the same bits.
 *
 *     v = fma(r, residual_scale, fma(sum, scale[c], bias[c]))
 *     v = v < 0 ? v * slope[c] : v
 *     y = round_half_even(min(max(v, low), high)) + zero      (float result: no rounding, no zero)
 *
 * sum int32; scale, bias, slope float [channels], in steps of the result: bias holds what the
 * zero points of x, of the weights' sum and of the residual amount to. r uint8, the residual.
 */
#ifndef KERNELS_REQUANT_H
#define KERNELS_REQUANT_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

struct node;

struct requant {
    float residual_scale, low, high;
    int zero;      // of the result
    bool to_float; // the result is float
};

/** From the attributes residual_scale, low, high, y_zero, out_type. */
struct requant requant_of(const struct node *node);

/** v of the formula, clamped but not rounded. slope 1: none. */
static inline float requant_value(const struct requant *q, int32_t sum, float scale,
                                  float bias, uint8_t residual, float slope)
{
    float v = fmaf((float)sum, scale, bias);
    v = fmaf((float)residual, q->residual_scale, v);
    v = v < 0 ? v * slope : v;
    v = v < q->low ? q->low : v;
    return v > q->high ? q->high : v;
}

/** y of the formula from such a v; low and high keep it in 0 .. 255. */
static inline uint8_t requant_round(const struct requant *q, float v)
{
    return (uint8_t)((int)nearbyintf(v) + q->zero);
}

#endif
