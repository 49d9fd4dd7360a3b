/*
 * probe: a convolution's fast result held to the definition, at a few places.
 *
 *     y = activation(sum of x w + bias + residual)
 *
 * A plan does so in its first run, on the numbers that it was given, so that a defect of a library
 * on some processor is found before anybody relies on what comes out, and at the cost of some
 * thousand multiply-adds a node instead of a run in plain C. Knows the layouts of values.
 */
#ifndef KERNELS_PROBE_H
#define KERNELS_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct graph;
struct op_call;

enum { PROBE_PLACES = 24 };

struct probe {
    int count;                     // 0: the node is none that is probed
    int64_t place[PROBE_PLACES];   // of the result, row-major
    double residual[PROBE_PLACES]; // what lay there before, if anything is added
};

/** Choose places of the result of node n, about to run: a Conv, ONNX's or ours, of float32 or
 * bfloat16 with a constant weight. What is added is kept: the result may be put in its place. */
void probe_begin(const struct graph *graph, size_t n, const struct op_call *call,
                 struct probe *ret);

/**
 * Compare, after the node ran. Differences up to 1e-4 of the sum of |x w| are those of the
 * order of sums; a bfloat16 result may be 1/128 off.
 *
 * Errors: ERR_UNSUPPORTED  the result is wrong; the text says where and by how much
 */
int probe_end(const struct graph *graph, size_t n, const struct op_call *call,
              const struct probe *probe, struct err *err);

#endif
