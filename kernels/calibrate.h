/*
 * calibrate: find the calibration of a network from samples of its inputs.
 *
 *     ranges      the network runs in float on some samples; of each value it is counted how
 *                 often each number comes
 *     methods     each method's ranges are tried for all values, then for each one alone; what
 *                 brings the outputs nearest to those of float stays
 *     fallback    other samples judge. While they find more than the bound, the step without
 *                 which the outputs come nearest to those of float goes back to bfloat16
 *
 * metric "error" is the root of the mean squared difference of the outputs over their standard
 * deviation. "dice" is for outputs that are labels of an image: 1 - Dice of the labels from
 * 8 bits and from float, over all judges together, mean of the labels that there are.
 */
#ifndef KERNELS_CALIBRATE_H
#define KERNELS_CALIBRATE_H

#include "kernels/calibration.h"
#include "kernels/tensor.h"

#include <stdbool.h>
#include <stddef.h>

struct err;

/** Inputs [engine_input_count] of sample i; they are lent until the next call. */
typedef int calibrate_read_fn(void *ctx, size_t i, const struct tensor ***ret,
                              struct err *err);
/** A line of text about how far it is. */
typedef void calibrate_tell_fn(void *ctx, const char *text);

struct calibrate_request {
    const char *onnx;       // the network's file
    size_t samples, judges; // samples 0 .. samples - 1 calibrate, the next ones judge
    calibrate_read_fn *read;
    calibrate_tell_fn *tell;
    void *ctx;
    const char *metric; // "error" or "dice"; NULL: dice where the output is an image
    double bound;       // 0: 0.005 for dice, 0.02 for error
    int threads;
    size_t memory_bytes;
    bool quick; // one method for all values: each alone is not tried
};

/**
 * The calibration that meets the bound; the caller owns *ret.
 *
 * Errors: those of engine_open() and engine_run(), of read; ERR_CONFIG (no samples, an unknown
 * metric), ERR_LIMIT (not even without 8-bit steps is the bound met), ERR_NOMEM
 */
int calibrate(const struct calibrate_request *request, struct calibration **ret,
              struct err *err);

#endif
